import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { type Hex, hashTypedData } from 'viem'
import {
  ANCHOR_TYPES,
  addressOf,
  foldedHead,
  keyOf,
  packPayouts,
  payoutsHashOf,
  signTicket,
  ticketHash,
  ticketOf,
  word,
} from './wire.ts'

const PATH = 'test/vectors/contract-anchor-calls.json'
const AUTHORITY = keyOf('authority')
const SESSION = keyOf('session 1')
const ROUND = { round: 3_822n, roundHash: word(0x1234) }
const FIRST_PAYOUT_ID = 41n
const SKIP = 2n

/** Everything that enclave, host and auditor have to compute alike, over one paying commit of each kind of payout. */
async function makeVectors() {
  const anchor = addressOf('anchor')
  const domain = { name: 'Anchorhold', version: '1', chainId: 42161, verifyingContract: anchor }
  const payees = [1n, 2n ** 96n - 1n].map((amountWei, i) => ({ recipient: addressOf(`payee ${i}`), amountWei }))
  const tickets = await Promise.all(payees.map(async (payee, i) => aTicket(payee, FIRST_PAYOUT_ID + BigInt(i))))
  const head = { ...ROUND, firstPayoutId: FIRST_PAYOUT_ID }
  const payouts = packPayouts(head, { tickets, transfers: [{ recipient: addressOf('account'), amountWei: 5n }] })
  const commit = {
    epoch: 3,
    sequence: 17,
    prev: word(1),
    next: word(2),
    payoutsHash: payoutsHashOf(payouts, SKIP),
    balanceRoot: word(3),
    logRoot: word(4),
    logSize: 99n,
  }
  const open = { epoch: 4, head: word(5), session: SESSION.address, attestationDigest: word(6) }
  const rotate = { epoch: 5, head: word(5), newAuthority: addressOf('heir'), attestationDigest: word(7) }
  const types = ANCHOR_TYPES
  const digest = (primaryType: 'Commit' | 'Open' | 'Rotate', message: object): Hex =>
    hashTypedData({ domain, types, primaryType, message } as Parameters<typeof hashTypedData>[0])
  return {
    about: 'Digests, packed payouts and folded heads of the anchor’s calls. Keys are named after public test strings.',
    domain,
    authority: AUTHORITY.address,
    session: SESSION.address,
    tickets: tickets.map(({ ticket, hash, recipientRand, full, signature }) => ({
      ticket,
      hash,
      recipientRand,
      signature: full,
      compactSignature: signature,
    })),
    payouts,
    skip: SKIP,
    commit,
    commitDigest: digest('Commit', commit),
    commitSignature: await SESSION.signTypedData({ domain, types, primaryType: 'Commit', message: commit }),
    open,
    openDigest: digest('Open', open),
    openSignature: await AUTHORITY.signTypedData({ domain, types, primaryType: 'Open', message: open }),
    rotate,
    rotateDigest: digest('Rotate', rotate),
    rotateSignature: await AUTHORITY.signTypedData({ domain, types, primaryType: 'Rotate', message: rotate }),
    heads: [0n, 5n, 7n, 2n ** 128n - 1n].map((bitmap) => ({
      next: commit.next,
      bitmap,
      head: foldedHead(commit.next, bitmap),
    })),
  }
}

async function aTicket(payee: { recipient: Hex; amountWei: bigint }, payoutId: bigint) {
  const made = ticketOf({ sender: AUTHORITY.address, session: SESSION.address, payee, payoutId, ...ROUND })
  const { full, compact } = await signTicket(AUTHORITY, made.ticket)
  return { ...payee, ...made, hash: ticketHash(made.ticket), full, signature: compact }
}

const render = (value: unknown) =>
  `${JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part), 2)}\n`

describe('the vectors of the anchor’s calls', () => {
  it('are what the builders of these tests, which the contract accepts, give', async () => {
    const made = render(await makeVectors())
    if (process.env['UPDATE_VECTORS'] === '1') writeFileSync(PATH, made)
    expect(readFileSync(PATH, 'utf8')).to.equal(made)
  })
})
