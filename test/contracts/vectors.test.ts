import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { type Address, type Hex, keccak256 } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { TRANSCODER_STAKE, WORLD, WORLD_FIRST_ROUND } from '../../scripts/chain/world.ts'
import { RULES, type Stage, useStage } from './stage.ts'
import { signTicket, type Ticket, ticketHash, word } from './wire.ts'

const OWN_PATH = 'test/vectors/contract-ticket-hashes.json'
const SHARED_PATH = '../shared/data/vectors/ticket-vectors.json'
const USED_TICKETS_SLOT = 5
const ROUND_HASHES_SLOT = 7
const VALIDITY_OF_ALL_ROUNDS = 2n ** 40n

type TicketJson = { readonly [K in keyof Ticket]: string }

interface HashVector {
  readonly ticket: TicketJson
  readonly hash: Hex
}

interface CompleteVector extends HashVector {
  readonly creationRound: string
  readonly creationRoundBlockHash: Hex
  readonly packed: Hex
  readonly sig: Hex
  readonly usedTicketsSlot: Hex
  readonly redeemCalldata: Hex
}

interface SharedVectors {
  readonly goLivepeer: readonly HashVector[]
  readonly complete: readonly CompleteVector[]
  readonly batchCalldata: Hex
}

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

function ticketOfJson(json: TicketJson): Ticket {
  return {
    recipient: json.recipient as Address,
    sender: json.sender as Address,
    faceValue: BigInt(json.faceValue),
    winProb: BigInt(json.winProb),
    senderNonce: BigInt(json.senderNonce),
    recipientRandHash: json.recipientRandHash as Hex,
    auxData: json.auxData as Hex,
  }
}

/** Makes a chain in which all tickets of the vectors can be redeemed: rounds, payees, deposit. */
async function prepare(stage: Stage, vectors: readonly CompleteVector[]): Promise<void> {
  for (const vector of vectors) {
    const slot = keccak256(`${word(BigInt(vector.creationRound))}${word(ROUND_HASHES_SLOT).slice(2)}`)
    await stage.tester.setStorageAt(WORLD.roundsManager, slot, vector.creationRoundBlockHash)
  }
  const validitySlot = 6
  await stage.tester.setStorageAt(WORLD.ticketBroker, word(validitySlot), word(VALIDITY_OF_ALL_ROUNDS))
  const recipients = vectors.map(({ ticket }) => ticket.recipient as Address)
  await stage.bonding.write.bondTranscoders([recipients, TRANSCODER_STAKE, WORLD_FIRST_ROUND])
  const sumWei = vectors.reduce((sum, { ticket }) => sum + BigInt(ticket.faceValue), 0n)
  await stage.tester.setBalance(stage.owner.account.address, 2n * sumWei)
  const sender = vectors[0]?.ticket.sender as Address
  await stage.broker.write.fundDepositAndReserveFor([sender, sumWei, 0n], { value: sumWei })
}

for (const rules of RULES) {
  describe(`ticket vectors against the broker ${rules}`, () => {
    const at = useStage({ rules })

    it('gives the seven hashes of go-livepeer', async () => {
      const vectors: readonly HashVector[] = read(OWN_PATH).goLivepeer
      expect(vectors).to.have.length(7)
      for (const { ticket, hash } of vectors) {
        expect(await at().broker.read.getTicketHash([ticketOfJson(ticket)])).to.equal(hash)
        expect(ticketHash(ticketOfJson(ticket))).to.equal(hash)
      }
    })

    it('redeems the complete tickets one by one and marks each in its slot', async function () {
      const shared = sharedVectors(this)
      await prepare(at(), shared.complete)
      for (const vector of shared.complete) {
        await at().deps.send({ to: WORLD.ticketBroker, data: vector.redeemCalldata })
        const mark = await at().publicClient.getStorageAt({ address: WORLD.ticketBroker, slot: vector.usedTicketsSlot })
        expect(mark).to.equal(word(1))
      }
    })

    it('redeems the batch of them in one call', async function () {
      const shared = sharedVectors(this)
      await prepare(at(), shared.complete)
      await at().deps.send({ to: WORLD.ticketBroker, data: shared.batchCalldata })
      for (const { hash } of shared.complete) expect(await at().broker.read.usedTickets([hash])).to.equal(true)
    })
  })
}

describe('ticket vectors against the builders of these tests', () => {
  it('gives the same hash, slot and signature', async function () {
    const shared = sharedVectors(this)
    const account = mnemonicToAccount('test test test test test test test test test test test junk', {
      addressIndex: 1,
    })
    for (const vector of shared.complete) {
      const ticket = ticketOfJson(vector.ticket)
      expect(keccak256(vector.packed)).to.equal(vector.hash)
      expect(ticketHash(ticket)).to.equal(vector.hash)
      expect(keccak256(`${vector.hash}${word(USED_TICKETS_SLOT).slice(2)}`)).to.equal(vector.usedTicketsSlot)
      expect((await signTicket(account, ticket)).full).to.equal(vector.sig)
    }
  })
})

/** The vectors handed to the project; a checkout without them skips and says so. */
function sharedVectors(context: Mocha.Context): SharedVectors {
  if (existsSync(SHARED_PATH)) return read(SHARED_PATH)
  process.stdout.write(`      skipped: ${SHARED_PATH} is not here\n`)
  return context.skip()
}
