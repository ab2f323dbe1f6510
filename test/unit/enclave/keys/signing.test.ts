import { existsSync, readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { ed25519 } from '@noble/curves/ed25519.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { recoverTransactionAddress } from 'viem'
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { parseTransaction, recoverMessageAddress } from 'viem/utils'
import { logKey } from '../../../../enclave/keys/log-key.ts'
import {
  addressOf,
  decodeCompactSignature,
  encodeSignature,
  recoverAddress,
  sign,
} from '../../../../enclave/keys/secp256k1.ts'
import { drawPrivateKey, newSessionKey, refuseRelatedKeys } from '../../../../enclave/keys/session-key.ts'
import { signTicket } from '../../../../enclave/keys/tickets.ts'
import { type AnchorTransaction, signTransaction } from '../../../../enclave/keys/transactions.ts'
import { keccak256 } from '../../../../enclave/protocol/hash.ts'
import { type Address, fromHex, type Hash, type Hex, toHash, toHex } from '../../../../enclave/protocol/ids.ts'
import { wei } from '../../../../enclave/protocol/money.ts'
import {
  payoutTicket,
  type Ticket,
  ticketDigest,
  ticketHash,
  ticketSigningDigest,
} from '../../../../enclave/protocol/ticket.ts'
import { codeOf } from '../../../builders/refusals.ts'

const SHARED_VECTORS = new URL('../../../../../shared/data/vectors/', import.meta.url)
const KEY = new Uint8Array(32).fill(0x11)
const STATE_KEY = new Uint8Array(32).fill(0x22)

function sharedVectors(name: string, test: Mocha.Context) {
  const file = new URL(name, SHARED_VECTORS)
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'))
  process.stdout.write(`skipped: ${name} is not beside this checkout\n`)
  // biome-ignore lint/suspicious/noSkippedTests: the vectors are not everywhere, and the reason is printed.
  return test.skip()
}

function address(byte: number): Address {
  return toHex(new Uint8Array(20).fill(byte)) as Address
}

function aTicket(): Ticket {
  const round = { number: 3_822, hash: toHash(new Uint8Array(32).fill(0xab)) }
  return payoutTicket({
    sender: addressOf(KEY),
    session: address(2),
    recipient: address(3),
    amountWei: wei(5n),
    payoutId: 6,
    round,
  })
}

describe('the signature of a ticket', () => {
  it('is that of its sender, as an EIP-191 verifier sees it', async () => {
    const ticket = aTicket()
    const signature = toHex(encodeSignature(decodeCompactSignature(signTicket(ticket, KEY))))
    const signer = await recoverMessageAddress({ message: { raw: ticketHash(ticket) }, signature })
    expect(signer.toLowerCase()).to.equal(ticket.sender)
  })

  it('is over the digest of its hash, after tickets with and without auxData as before them', () => {
    const bare = { ...aTicket(), auxData: new Uint8Array(0) }
    for (const ticket of [aTicket(), bare, aTicket()])
      expect(toHex(ticketSigningDigest(ticket))).to.equal(toHex(ticketDigest(ticketHash(ticket))))
  })

  it('is the same bytes each time, and other bytes for another amount', () => {
    const ticket = aTicket()
    expect(signTicket(ticket, KEY)).to.deep.equal(signTicket(ticket, KEY))
    expect(signTicket({ ...ticket, faceValueWei: 6n }, KEY)).to.not.deep.equal(signTicket(ticket, KEY))
  })

  it('equals the shared vectors', function () {
    const { complete } = sharedVectors('ticket-vectors.json', this)
    const account = mnemonicToAccount('test test test test test test test test test test test junk', {
      addressIndex: 1,
    })
    const key = account.getHdKey().privateKey as Uint8Array
    for (const { ticket, hash, sig } of complete) {
      expect(addressOf(key)).to.equal(ticket.sender)
      expect(toHex(encodeSignature(sign(ticketDigest(hash as Hash), key)))).to.equal(sig)
    }
  })

  it("equals the replaced system's", function () {
    const { ticket, core_private_key: key, core_address: core } = sharedVectors('seed-vectors.json', this)
    expect(addressOf(fromHex(key as Hex))).to.equal(core.toLowerCase())
    expect(toHex(encodeSignature(sign(ticketDigest(ticket.ticket_hash as Hash), fromHex(key as Hex))))).to.equal(
      ticket.sender_sig,
    )
  })

  it('is not given for a sender that is not the key, nor for a ticket that may lose', () => {
    expect(() => signTicket({ ...aTicket(), sender: address(9) }, KEY)).to.throw('sender')
    expect(() => signTicket({ ...aTicket(), winProb: 2n ** 255n }, KEY)).to.throw('wins')
  })
})

describe('the transaction of an anchor call', () => {
  const transaction: AnchorTransaction = {
    chainId: 42_161,
    nonce: 7,
    to: address(0xaa),
    data: fromHex('0x12345678aabb'),
    gas: 500_000n,
    maxFeePerGasWei: 2_000_000_000n,
    maxPriorityFeePerGasWei: 1n,
  }

  it("has viem's bytes and hash", async () => {
    const { raw, hash } = signTransaction(transaction, KEY)
    expect(toHex(raw)).to.equal(await viemRaw(transaction))
    expect(hash).to.equal(toHash(keccak256(raw)))
  })

  it("has viem's bytes whatever its fields are, and whatever the length of its call", async () => {
    const fees = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }))
    const transactions = fc.record({
      chainId: fc.integer({ min: 1, max: 2 ** 47 }),
      nonce: fc.maxSafeNat(),
      to: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toHex(bytes) as Address),
      data: fc.uint8Array({ minLength: 4, maxLength: 300 }),
      gas: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fees,
    })
    await fc.assert(
      fc.asyncProperty(transactions, async ({ fees: [left, right], ...fields }) => {
        const [tip, cap] = left < right ? [left, right] : [right, left]
        const drawn = { ...fields, maxFeePerGasWei: cap, maxPriorityFeePerGasWei: tip }
        expect(toHex(signTransaction(drawn, KEY).raw)).to.equal(await viemRaw(drawn))
      }),
      { numRuns: 200 },
    )
  })

  it("has viem's bytes where r or s begins with a zero byte, which is not written", async () => {
    const found = { r: false, s: false }
    for (let nonce = 256; nonce < 256 + SHORT_SIGNATURE_TRIES_MAX && !(found.r && found.s); nonce++) {
      const { raw } = signTransaction({ ...transaction, nonce }, KEY)
      if (raw.length === signTransaction({ ...transaction, nonce: 256 }, KEY).raw.length) continue
      expect(toHex(raw)).to.equal(await viemRaw({ ...transaction, nonce }))
      const { r, s } = parseTransaction(toHex(raw) as `0x02${string}`)
      found.r ||= r !== undefined && BigInt(r) < 2n ** 248n
      found.s ||= s !== undefined && BigInt(s) < 2n ** 248n
    }
    expect(found).to.deep.equal({ r: true, s: true })
  })

  it('decodes to the anchor, the call and no value, and recovers to the authority', async () => {
    for (const nonce of [0, 1, 127, 128, 65_536]) {
      const raw = toHex(signTransaction({ ...transaction, nonce }, KEY).raw)
      const decoded = parseTransaction(raw)
      expect(decoded).to.deep.include({ to: transaction.to, data: '0x12345678aabb', chainId: 42_161, gas: 500_000n })
      expect(decoded.value ?? 0n).to.equal(0n)
      expect(decoded.nonce ?? 0).to.equal(nonce)
      const signer = await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` })
      expect(signer.toLowerCase()).to.equal(addressOf(KEY))
    }
  })

  it('is not made without a call, nor with a tip above its fee cap', () => {
    expect(() => signTransaction({ ...transaction, data: new Uint8Array(3) }, KEY)).to.throw('calls the anchor')
    expect(() => signTransaction({ ...transaction, maxPriorityFeePerGasWei: 2_000_000_001n }, KEY)).to.throw('tip')
  })
})

/** One signature in 256 begins with a zero byte, and as many have it in s. */
const SHORT_SIGNATURE_TRIES_MAX = 8_000

/** What viem signs for the same transaction: its own bytes, its own curve. */
function viemRaw({ maxFeePerGasWei, maxPriorityFeePerGasWei, data, ...fields }: AnchorTransaction): Promise<Hex> {
  return privateKeyToAccount(toHex(KEY)).signTransaction({
    type: 'eip1559',
    ...fields,
    data: toHex(data),
    value: 0n,
    maxFeePerGas: maxFeePerGasWei,
    maxPriorityFeePerGas: maxPriorityFeePerGasWei,
  })
}

describe('the log key', () => {
  function isSignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return ed25519.verify(signature, message, publicKey)
  }

  it('is the same for the same state key, and another for another', () => {
    expect(logKey(STATE_KEY).publicKey).to.deep.equal(logKey(STATE_KEY).publicKey)
    expect(logKey(STATE_KEY).publicKey).to.not.deep.equal(logKey(KEY).publicKey)
    expect(logKey(STATE_KEY).publicKey).to.have.length(32)
  })

  it('has the seed that the protocol derives: HKDF-SHA256, info "anchorhold/log/v1"', async () => {
    const { hkdf } = await import('@noble/hashes/hkdf.js')
    const { sha256 } = await import('@noble/hashes/sha2.js')
    const seed = hkdf(sha256, STATE_KEY, undefined, new TextEncoder().encode('anchorhold/log/v1'), 32)
    expect(logKey(STATE_KEY).publicKey).to.deep.equal(ed25519.getPublicKey(seed))
    const message = new TextEncoder().encode('checkpoint')
    expect(logKey(STATE_KEY).sign(message)).to.deep.equal(ed25519.sign(message, seed))
  })

  it('signs what its public key verifies, and nothing with a bit flipped', () => {
    const { publicKey, sign: signLog } = logKey(STATE_KEY)
    const message = new TextEncoder().encode('checkpoint')
    const signature = signLog(message)
    const flip = (bytes: Uint8Array) => bytes.with(3, (bytes[3] as number) ^ 1)
    expect(isSignature(publicKey, message, signature)).to.equal(true)
    expect(isSignature(publicKey, flip(message), signature)).to.equal(false)
    expect(isSignature(publicKey, message, flip(signature))).to.equal(false)
    expect(isSignature(logKey(KEY).publicKey, message, signature)).to.equal(false)
  })
})

describe('the session key', () => {
  const secret = new Uint8Array(32).fill(0x5a)
  const digest = keccak256(new Uint8Array(1))

  it('signs with the key that was drawn', () => {
    const session = newSessionKey(() => secret.slice())
    expect(session.address).to.equal(addressOf(secret))
    expect(recoverAddress(digest, session.sign(digest))).to.equal(session.address)
  })

  it('appears in no form of its object', () => {
    const session = newSessionKey(() => secret.slice())
    const forms = [
      JSON.stringify(session),
      inspect(session, { showHidden: true, depth: 9 }),
      Object.values(session).map(String).join(),
    ]
    for (const form of forms) expect(form).to.not.match(/5a5a|90, ?90|"90"/)
  })

  it('does not change when the source writes into its buffer again', () => {
    const buffer = secret.slice()
    const session = newSessionKey(() => buffer)
    buffer.fill(1)
    expect(recoverAddress(digest, session.sign(digest))).to.equal(addressOf(secret))
  })

  it('is the only copy of itself: nothing of a draw is left with its source, whether it was taken or not', () => {
    const draws = [new Uint8Array(32).fill(0xff), secret.slice()]
    const left = [...draws]
    expect(drawPrivateKey(() => draws.shift() as Uint8Array)).to.deep.equal(secret)
    expect(left).to.deep.equal([new Uint8Array(32), new Uint8Array(32)])
  })

  it('draws again when a draw is out of range, but not for ever', () => {
    const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff), secret.slice()]
    expect(drawPrivateKey(() => draws.shift() as Uint8Array)).to.deep.equal(secret)
    expect(() => drawPrivateKey(() => new Uint8Array(32))).to.throw('draws')
  })

  const session = newSessionKey(() => secret.slice())
  const related: { title: string; authority: Uint8Array; state: Uint8Array }[] = [
    { title: 'authority and state are equal', authority: KEY, state: KEY },
    { title: 'the session is the authority', authority: secret, state: STATE_KEY },
    { title: 'the session is the state key', authority: KEY, state: secret },
    { title: 'the state key is the hash of the authority', authority: KEY, state: keccak256(KEY) },
  ]
  for (const { title, authority, state } of related) {
    it(`is refused a boot where ${title}`, () => {
      refuseRelatedKeys(KEY, STATE_KEY, session)
      expect(codeOf(() => refuseRelatedKeys(authority, state, session))).to.equal('KEY_CIPHERTEXT')
    })
  }
})
