/** What a host sends to a signer: calldata, transactions, tickets, whole requests. viem is the other reader. */
import {
  decodeFunctionData,
  encodeFunctionData,
  type Hex,
  hashMessage,
  parseTransaction,
  recoverAddress,
  recoverTransactionAddress,
} from 'viem'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import { decodeMessage } from '../../../enclave/protocol/frame.ts'
import { fromHex, toHex } from '../../../enclave/protocol/ids.ts'
import { type Ticket, ticketHash, WIN_PROB_ALWAYS } from '../../../enclave/protocol/ticket.ts'
import { uintWord } from '../../../enclave/protocol/words.ts'
import { type Call, readCall } from '../../../enclave/signer/calldata.ts'
import { answerSigner } from '../../../enclave/signer/dispatch.ts'
import { newSigner, type Signer } from '../../../enclave/signer/signer.ts'
import { TICKET_BROKER_ABI } from '../../../scripts/chain/world.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import {
  abiTicket,
  aLegacyTx,
  aSignerConfiguration,
  aTicket,
  aTx,
  BROKER,
  batchData,
  CHAIN_ID,
  fundData,
  KEY,
  PAYEES,
  redeemData,
  SIGNER,
  STRANGER,
  wireTicket,
} from '../../unit/enclave/signer/a-signer.ts'
import { ACCEPTED, bytesOf, demand, isSame, judged, type Outcome, type Target, textOf } from '../engine/target.ts'
import { changeBytes } from '../mutations.ts'

const WORD_BYTES = 32
const SELECTOR_BYTES = 4
const TICKETS_MAX = 5
/** Where calldata goes wrong: borders of offsets, counts, lengths and words. */
const WORDS = [0n, 1n, 31n, 32n, 64n, 65n, 96n, 224n, 256n, 416n, 2n ** 32n, 2n ** 64n, 2n ** 160n, 2n ** 256n - 1n]

function someTickets(dice: Dice): Ticket[] {
  return Array.from({ length: 1 + dice.below(TICKETS_MAX) }, () => someTicket(dice))
}

function someTicket(dice: Dice): Ticket {
  return aTicket({
    recipient: dice.pick([...PAYEES, STRANGER]),
    sender: dice.pick([SIGNER, SIGNER, SIGNER, STRANGER]),
    faceValueWei: dice.pick([0n, 1n, 700n, 1_000n, 1_001n, 2n ** 256n - 1n]),
    winProb: dice.pick([0n, 1n, WIN_PROB_ALWAYS]),
    senderNonce: BigInt(dice.below(4)),
    auxData: new Uint8Array(dice.pick([0, 64])).fill(dice.below(256)),
  })
}

function someData(dice: Dice): Hex {
  const kind = dice.below(3)
  if (kind === 0) return fundData()
  return kind === 1 ? redeemData(someTicket(dice)) : batchData(someTickets(dice))
}

/** One word replaced, cut out, doubled, or copied from another place. */
function changeWords(dice: Dice, input: Uint8Array): Uint8Array {
  const count = Math.floor((input.length - SELECTOR_BYTES) / WORD_BYTES)
  if (count < 1 || dice.below(4) === 0) return changeBytes(dice, input)
  const at = SELECTOR_BYTES + WORD_BYTES * dice.below(count)
  const from = SELECTOR_BYTES + WORD_BYTES * dice.below(count)
  const word = dice.below(2) === 0 ? uintWord(dice.pick(WORDS)) : input.slice(from, from + WORD_BYTES)
  const [before, after] = [input.subarray(0, at), input.subarray(at + WORD_BYTES)]
  const kept = dice.below(3) === 0 ? input.subarray(at, at + WORD_BYTES) : new Uint8Array(0)
  return new Uint8Array(Buffer.concat(dice.below(6) === 0 ? [before, after] : [before, word, kept, after]))
}

const calldata: Target = {
  name: 'signer-calldata',
  claim: 'reads the calls of a signer in the one encoding that viem writes, and as viem reads them',
  inputs: 3_000,
  seeds: () => [fundData(), redeemData(aTicket()), batchData([aTicket(), aTicket({ senderNonce: 4n })])].map(fromHex),
  generate: (dice) => fromHex(someData(dice)),
  mutate: changeWords,
  run: (input) =>
    judged(
      () => readCall(input),
      ['SIGNER_CALLDATA'],
      (call) => sameCall(call, input),
    ),
}

function sameCall(call: Call, input: Uint8Array): void {
  if (call.kind === 'other') return
  const data = toHex(input)
  const decoded = decodeFunctionData({ abi: TICKET_BROKER_ABI, data })
  demand(decoded.functionName === call.kind, 'viem names the same function')
  demand(encodeFunctionData({ abi: TICKET_BROKER_ABI, ...decoded } as never) === data, 'the encoding is canonical')
  if (call.kind === 'fundDeposit') return
  const [first] = decoded.args as readonly unknown[]
  const theirs = (Array.isArray(first) ? first : [first]).map(lowered)
  demand(
    isSame(
      call.tickets.map((ticket) => lowered(abiTicket(ticket))),
      theirs,
    ),
    'viem reads the same tickets',
  )
}

function lowered(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value.toLowerCase() : value]),
  )
}

let cached: Signer | undefined

/** A signer with its key; one that halted has failed the target already. */
function theSigner(): Signer {
  cached ??= aProvisionedSigner()
  cached.phase = 'provisioned'
  return cached
}

export function aProvisionedSigner(): Signer {
  const signer = newSigner({
    configuration: aSignerConfiguration(),
    begin: () => {
      throw new Error('a provisioned signer asks for no key')
    },
    report: () => undefined,
  })
  signer.key = { privateKey: KEY, address: SIGNER }
  signer.phase = 'provisioned'
  return signer
}

function someRequest(dice: Dice): Uint8Array {
  if (dice.below(3) === 0) {
    const ticket = someTicket(dice)
    const shown = dice.below(4) === 0 ? someTicket(dice) : ticket
    const params = { message_hash: ticketHash(ticket), ticket: wireTicket(shown) }
    return bytesOf(JSON.stringify({ method: 'sign_message_defunct', params }))
  }
  const over = {
    data: someData(dice),
    value: dice.pick([0, 0, 0, 5_000, 5_001, '0x10']),
    gas: dice.pick([0, 350_000, 900_000, '900001', '0xdbba0']),
    chainId: dice.pick([CHAIN_ID, CHAIN_ID, CHAIN_ID, '0xa4b1', 1]),
    to: dice.pick([BROKER, BROKER, BROKER, STRANGER]),
    nonce: dice.below(300),
  }
  const tx = dice.below(2) === 0 ? aTx({ ...over, maxPriorityFeePerGas: dice.pick([0, 50, 51]) }) : aLegacyTx(over)
  return bytesOf(JSON.stringify({ method: 'sign_transaction', params: { tx } }))
}

const requests: Target = {
  name: 'signer-requests',
  claim: 'signs for no request what the policy of the signer does not allow, as viem reads what was signed',
  inputs: 1_500,
  seeds: () =>
    [aTx(), aLegacyTx(), aTx({ data: fundData(), value: 5_000 })].map((tx) =>
      bytesOf(JSON.stringify({ method: 'sign_transaction', params: { tx } })),
    ),
  generate: someRequest,
  mutate: changeBytes,
  run: async (input): Promise<Outcome> => {
    const { message } = decodeMessage(await answerSigner(theSigner(), input))
    const { error, result } = message as { error?: { code: string }; result?: { raw_tx?: Hex; signature?: Hex } }
    if (error !== undefined) {
      demand(Object.hasOwn(ERRORS, error.code) && error.code !== 'INTERNAL', `a code of the catalogue: ${error.code}`)
      return error.code as Outcome
    }
    if (result?.raw_tx !== undefined) await judgeRaw(result.raw_tx)
    if (result?.signature !== undefined) await judgeSignature(result.signature, input)
    return ACCEPTED
  },
}

/** The policy of aSignerPolicy, said a second time. */
async function judgeRaw(raw: Hex): Promise<void> {
  const signer = await recoverTransactionAddress({ serializedTransaction: raw as never })
  demand(signer.toLowerCase() === SIGNER, 'the key of the signer has signed')
  const { chainId, to, value = 0n, gas = 0n, data = '0x', ...fees } = parseTransaction(raw)
  demand(chainId === CHAIN_ID && to?.toLowerCase() === BROKER, 'one chain, one contract')
  demand(gas <= 900_000n && (fees.maxFeePerGas ?? fees.gasPrice ?? 0n) <= 2_000n, 'gas and fee within their caps')
  demand((fees.maxPriorityFeePerGas ?? 0n) <= 50n, 'the tip within its cap')
  const { functionName, args } = decodeFunctionData({ abi: TICKET_BROKER_ABI, data })
  if (functionName === 'fundDeposit') return demand(value <= 5_000n, 'a deposit within its cap')
  demand(functionName === 'redeemWinningTicket' || functionName === 'batchRedeemWinningTickets', 'one of three calls')
  const [first] = args as readonly unknown[]
  const tickets = (Array.isArray(first) ? first : [first]) as ReturnType<typeof abiTicket>[]
  demand(value === 0n && tickets.length <= 4, 'no value, and a batch within its cap')
  demand(tickets.every(isPayable), 'own tickets, to payees of the list, within the cap')
  demand(tickets.reduce((sum, { faceValue }) => sum + faceValue, 0n) <= 2_500n, 'a sum within its cap')
}

function isPayable({ sender, recipient, faceValue }: ReturnType<typeof abiTicket>): boolean {
  const payee = PAYEES.some((one) => one === recipient.toLowerCase())
  return sender.toLowerCase() === SIGNER && payee && faceValue <= 1_000n
}

async function judgeSignature(signature: Hex, input: Uint8Array): Promise<void> {
  const { params } = JSON.parse(textOf(input)) as { params: { message_hash: Hex; ticket: Record<string, string> } }
  const { ticket, message_hash: hash } = params
  const { sender = '', recipient = '', faceValue = '' } = ticket
  demand(isPayable({ ...abiTicket(aTicket()), sender, recipient, faceValue: BigInt(faceValue) } as never), 'payable')
  const recovered = await recoverAddress({ hash: hashMessage({ raw: hash }), signature })
  demand(recovered.toLowerCase() === SIGNER, 'the hash that was asked for is signed')
}

export const SIGNER_TARGETS: readonly Target[] = [calldata, requests]
