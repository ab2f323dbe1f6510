import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { encodePacked, keccak256 as viemKeccak256 } from 'viem/utils'
import {
  type Address,
  fromHex,
  type Hash,
  toHash,
  toHex,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '../../../../enclave/protocol/ids.ts'
import { wei } from '../../../../enclave/protocol/money.ts'
import {
  auxData,
  PAYOUTS_MAX,
  type Payouts,
  packPayouts,
  packTicket,
  parsePayouts,
  payoutsHash,
  payoutTicket,
  recipientRand,
  recipientRandHash,
  type Ticket,
  ticketHash,
  WIN_PROB_ALWAYS,
} from '../../../../enclave/protocol/ticket.ts'
import { codeOf } from '../../../builders/refusals.ts'

const SHARED_VECTORS = new URL('../../../../../shared/data/vectors/', import.meta.url)
const OUR_HASHES = new URL('../../../vectors/ticket-hashes.json', import.meta.url)

function sharedVectors(name: string, test: Mocha.Context) {
  const file = new URL(name, SHARED_VECTORS)
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'))
  process.stdout.write(`skipped: ${name} is not beside this checkout\n`)
  // biome-ignore lint/suspicious/noSkippedTests: the vectors are not everywhere, and the reason is printed.
  return test.skip()
}

type TicketJson = {
  [field in 'recipient' | 'sender' | 'faceValue' | 'winProb' | 'senderNonce' | 'recipientRandHash' | 'auxData']: string
}

function fromJson(json: TicketJson): Ticket {
  return {
    recipient: json.recipient.toLowerCase() as Address,
    sender: json.sender.toLowerCase() as Address,
    faceValueWei: BigInt(json.faceValue),
    winProb: BigInt(json.winProb),
    senderNonce: BigInt(json.senderNonce),
    recipientRandHash: json.recipientRandHash as Hash,
    auxData: fromHex(json.auxData as `0x${string}`),
  }
}

function address(byte: number): Address {
  return toHex(new Uint8Array(20).fill(byte)) as Address
}

const ROUND = { number: 3_822, hash: toHash(new Uint8Array(32).fill(0xab)) }

function somePayouts(tickets: number, transfers: number): Payouts {
  return {
    round: tickets > 0 ? ROUND : null,
    firstPayoutId: 7,
    tickets: Array.from({ length: tickets }, (_, index) => ({
      recipient: address(index + 1),
      amountWei: wei(2n ** 96n - 1n - BigInt(index)),
      signature64: new Uint8Array(64).fill(index),
    })),
    transfers: Array.from({ length: transfers }, (_, index) => ({
      recipient: address(200 - index),
      amountWei: wei(BigInt(index + 1)),
    })),
  }
}

describe('the hash of a ticket', () => {
  const { cases } = JSON.parse(readFileSync(OUR_HASHES, 'utf8'))

  for (const [index, item] of cases.entries()) {
    it(`equals go-livepeer's in its case ${index + 1}`, () => {
      const ticket: Ticket = {
        recipient: (item.recipient ?? ZERO_ADDRESS) as Address,
        sender: ZERO_ADDRESS,
        faceValueWei: BigInt(item.faceValue ?? 0),
        winProb: BigInt(item.winProb ?? 0),
        senderNonce: BigInt(item.senderNonce ?? 0),
        recipientRandHash: (item.recipientRandHash ?? ZERO_HASH) as Hash,
        auxData: auxData({ number: item.round ?? 0, hash: (item.roundHash ?? ZERO_HASH) as Hash }),
      }
      expect(ticketHash(ticket)).to.equal(item.hash)
    })
  }

  it('equals the shared vectors, packed bytes and all', function () {
    const { goLivepeer, complete } = sharedVectors('ticket-vectors.json', this)
    for (const { ticket, hash } of goLivepeer) expect(ticketHash(fromJson(ticket))).to.equal(hash)
    for (const vector of complete) {
      expect(toHex(packTicket(fromJson(vector.ticket)))).to.equal(vector.packed)
      expect(ticketHash(fromJson(vector.ticket))).to.equal(vector.hash)
      expect(recipientRandHash(BigInt(vector.recipientRand))).to.equal(vector.ticket.recipientRandHash)
      const round = { number: Number(vector.creationRound), hash: vector.creationRoundBlockHash as Hash }
      expect(toHex(auxData(round))).to.equal(vector.ticket.auxData)
    }
    expect(complete).to.have.length(3)
  })

  it('equals the one that the replaced system signed', function () {
    const { ticket } = sharedVectors('seed-vectors.json', this)
    expect(ticketHash(fromJson(ticket))).to.equal(ticket.ticket_hash)
    expect(recipientRandHash(BigInt(ticket.recipientRand))).to.equal(ticket.recipientRandHash)
  })

  it('changes with every field', () => {
    const payout = {
      sender: address(1),
      session: address(2),
      recipient: address(3),
      amountWei: wei(5n),
      payoutId: 6,
      round: ROUND,
    }
    const hashes = [
      payout,
      { ...payout, sender: address(9) },
      { ...payout, session: address(9) },
      { ...payout, recipient: address(9) },
      { ...payout, amountWei: wei(9n) },
      { ...payout, payoutId: 9 },
      { ...payout, round: { ...ROUND, number: 9 } },
      { ...payout, round: { ...ROUND, hash: ZERO_HASH } },
    ].map((each) => ticketHash(payoutTicket(each)))
    expect(new Set(hashes).size).to.equal(hashes.length)
  })
})

describe('the ticket of a payout', () => {
  it('carries the session in recipientRand above the payoutId, and the payoutId as senderNonce', () => {
    const session = '0x00000000000000000000000000000000000000ff' as Address
    expect(recipientRand(session, 3)).to.equal((255n << 64n) + 3n)
    const ticket = payoutTicket({
      sender: address(1),
      session,
      recipient: address(3),
      amountWei: wei(5n),
      payoutId: 3,
      round: ROUND,
    })
    expect(ticket.senderNonce).to.equal(3n)
    expect(ticket.winProb).to.equal(WIN_PROB_ALWAYS)
    expect(ticket.recipientRandHash).to.equal(viemKeccak256(toHex(packedWord((255n << 64n) + 3n))))
    expect(packTicket(ticket).length).to.equal(20 + 20 + 4 * 32 + 64)
  })

  it('has no payoutId 0 and none of 2^32', () => {
    for (const payoutId of [0, -1, 2 ** 32, 1.5]) expect(() => recipientRand(address(1), payoutId)).to.throw('payoutId')
    expect(recipientRand(ZERO_ADDRESS, 2 ** 32 - 1)).to.equal(2n ** 32n - 1n)
  })
})

function packedWord(value: bigint): Uint8Array {
  return fromHex(encodePacked(['uint256'], [value]))
}

describe('packed payouts', () => {
  for (const [tickets, transfers] of [
    [1, 0],
    [0, 1],
    [2, 3],
    [128, 0],
    [0, 128],
    [64, 64],
  ] as const) {
    it(`read back as they were packed: ${tickets} tickets, ${transfers} transfers`, () => {
      const payouts = somePayouts(tickets, transfers)
      const packed = packPayouts(payouts)
      expect(packed.length).to.equal(50 + 96 * tickets + 32 * transfers)
      expect(parsePayouts(packed)).to.deep.equal(payouts)
    })
  }

  it('have the bytes of a tight ABI packing', () => {
    const payouts = somePayouts(1, 1)
    const [ticket, transfer] = [payouts.tickets[0], payouts.transfers[0]]
    const expected = encodePacked(
      ['uint64', 'bytes32', 'uint64', 'uint16', 'address', 'uint96', 'bytes', 'address', 'uint96'],
      [
        3_822n,
        ROUND.hash,
        7n,
        1,
        address(1),
        ticket?.amountWei ?? 0n,
        toHex(ticket?.signature64 ?? new Uint8Array()),
        address(200),
        transfer?.amountWei ?? 0n,
      ],
    )
    expect(toHex(packPayouts(payouts))).to.equal(expected)
  })

  it('refuse a byte less or more, and an empty message', () => {
    const packed = packPayouts(somePayouts(2, 2))
    for (const bytes of [packed.slice(0, -1), new Uint8Array([...packed, 0]), packed.slice(0, 49), new Uint8Array(0)]) {
      expect(codeOf(() => parsePayouts(bytes))).to.equal('PAYOUTS_SYNTAX')
    }
  })

  it('refuse no payout at all, and 129 of either kind', () => {
    const head = packPayouts(somePayouts(0, 1)).slice(0, 50)
    expect(codeOf(() => parsePayouts(head))).to.equal('PAYOUTS_SYNTAX')
    const full = packPayouts(somePayouts(0, PAYOUTS_MAX))
    expect(codeOf(() => parsePayouts(new Uint8Array([...full, ...full.slice(-32)])))).to.equal('PAYOUTS_SYNTAX')
    const tickets = packPayouts(somePayouts(PAYOUTS_MAX, 0))
    const oneMore = new Uint8Array([...tickets, ...tickets.slice(-96)])
    oneMore[49] = PAYOUTS_MAX + 1
    expect(codeOf(() => parsePayouts(oneMore))).to.equal('PAYOUTS_SYNTAX')
  })

  it('refuse a ticket count that the length does not bear out', () => {
    const packed = packPayouts(somePayouts(2, 0))
    for (const count of [0, 1, 3, 255]) {
      const changed = packed.slice()
      changed[49] = count
      // One ticket is as long as three transfers, so a lower count is legal in length and must fail by its meaning.
      if (count === 1) expect(parsePayouts(changed).transfers).to.have.length(3)
      else
        expect(
          codeOf(() => parsePayouts(changed)),
          `count ${count}`,
        ).to.equal('PAYOUTS_SYNTAX')
    }
  })

  const edits: { title: string; tickets: number; transfers: number; at: number; bytes: Uint8Array }[] = [
    { title: 'tickets with round number zero', tickets: 1, transfers: 0, at: 0, bytes: new Uint8Array(8) },
    { title: 'tickets with a zero round hash', tickets: 1, transfers: 0, at: 8, bytes: new Uint8Array(32) },
    { title: 'a round number without tickets', tickets: 0, transfers: 1, at: 7, bytes: Uint8Array.of(1) },
    { title: 'a round hash without tickets', tickets: 0, transfers: 1, at: 39, bytes: Uint8Array.of(1) },
    { title: 'a round number above 2^53', tickets: 1, transfers: 0, at: 0, bytes: Uint8Array.of(1) },
    { title: 'payoutId 0', tickets: 0, transfers: 1, at: 40, bytes: new Uint8Array(8) },
    {
      title: 'a payoutId of 2^32',
      tickets: 0,
      transfers: 2,
      at: 40,
      bytes: Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 255),
    },
    { title: 'a ticket to the zero address', tickets: 1, transfers: 0, at: 50, bytes: new Uint8Array(20) },
    { title: 'a ticket over nothing', tickets: 1, transfers: 0, at: 70, bytes: new Uint8Array(12) },
    { title: 'a transfer to the zero address', tickets: 1, transfers: 1, at: 146, bytes: new Uint8Array(20) },
    { title: 'a transfer of nothing', tickets: 1, transfers: 1, at: 166, bytes: new Uint8Array(12) },
  ]
  for (const { title, tickets, transfers, at, bytes } of edits) {
    it(`refuse ${title}`, () => {
      const packed = packPayouts(somePayouts(tickets, transfers))
      expect(parsePayouts(packed).tickets).to.have.length(tickets)
      packed.set(bytes, at)
      expect(codeOf(() => parsePayouts(packed))).to.equal('PAYOUTS_SYNTAX')
    })
  }

  it('treat values out of range as a bug when packing', () => {
    const payouts = somePayouts(1, 1)
    const [transfer] = payouts.transfers
    const bad: Payouts[] = [
      somePayouts(0, 0),
      somePayouts(PAYOUTS_MAX, 1),
      { ...payouts, round: null },
      { ...somePayouts(0, 1), round: ROUND },
      { ...payouts, round: { number: 0, hash: ROUND.hash } },
      { ...payouts, round: { number: 1, hash: ZERO_HASH } },
      { ...payouts, firstPayoutId: 0 },
      { ...payouts, firstPayoutId: 2 ** 32 - 1 },
      { ...payouts, tickets: payouts.tickets.map((ticket) => ({ ...ticket, signature64: new Uint8Array(65) })) },
      { ...payouts, transfers: [{ recipient: address(1), amountWei: wei(2n ** 96n) }] },
      { ...payouts, transfers: [{ recipient: transfer?.recipient ?? ZERO_ADDRESS, amountWei: wei(0n) }] },
    ]
    for (const [index, each] of bad.entries()) expect(() => packPayouts(each), `case ${index}`).to.throw()
  })
})

describe('payoutsHash', () => {
  it('is keccak256 of the packed payouts and skip as 16 bytes', () => {
    const packed = packPayouts(somePayouts(1, 1))
    const skip = 2n ** 127n + 1n
    expect(payoutsHash(packed, skip)).to.equal(viemKeccak256(encodePacked(['bytes', 'uint128'], [toHex(packed), skip])))
  })

  it('changes with one skip bit, and has no bit 128', () => {
    const packed = packPayouts(somePayouts(1, 1))
    expect(payoutsHash(packed, 0n)).to.not.equal(payoutsHash(packed, 1n))
    for (const skip of [-1n, 2n ** 128n]) expect(() => payoutsHash(packed, skip)).to.throw('skip')
  })
})
