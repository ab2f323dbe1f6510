import { strict as assert } from 'node:assert'
import { BOUND_FIELDS, type ExpectedBinding, UNCHECKED } from '../../enclave/protocol/attestation/binding.ts'
import { encodeUserData, USER_DATA_VERSION, type UserData } from '../../enclave/protocol/attestation/user-data.ts'
import { encodeCbor } from '../../enclave/protocol/cbor.ts'
import { type Address, fromHex, type Hash } from '../../enclave/protocol/ids.ts'
import { concatBytes } from '../../enclave/protocol/words.ts'
import { newTestAttester } from '../builders/attestation.ts'
import { judge, liveFor } from '../builders/expectations.ts'

const addressOf = (byte: string): Address => `0x${byte.repeat(20)}` as Address
const hashOf = (byte: string): Hash => `0x${byte.repeat(32)}` as Hash

const TRUE_WORDS: Omit<UserData, 'v'> = {
  role: 'core',
  chainId: 4_216,
  anchor: addressOf('a1'),
  config: hashOf('c0'),
  authority: addressOf('a2'),
  policyHash: hashOf('b0'),
  head: hashOf('d0'),
  epoch: 7,
  session: addressOf('a3'),
  credits: 'signed',
}
const PUBLIC_KEY = new Uint8Array(294).fill(5)
const EXPECTED: ExpectedBinding = { userData: TRUE_WORDS, publicKey: PUBLIC_KEY }

describe('N18: words around the right words', function () {
  this.timeout(60_000)
  const attester = newTestAttester()

  function verdictOf(
    userData: Uint8Array | null,
    publicKey: Uint8Array | null = PUBLIC_KEY,
    binding = EXPECTED,
  ): string {
    return judge(attester, attester.document({ userData, publicKey }), liveFor(attester, { binding }))
  }

  function written(over: Partial<UserData>): Uint8Array {
    return encodeUserData({ v: USER_DATA_VERSION, ...TRUE_WORDS, ...over })
  }

  it('are other words: a number that holds the right one, a key that begins with it', () => {
    assert.equal(verdictOf(written({})), 'accepted')
    for (const chainId of [42_161, 14_216]) assert.equal(verdictOf(written({ chainId })), 'ATTESTATION_BINDING')
    for (const epoch of [70, 17, 77]) assert.equal(verdictOf(written({ epoch })), 'ATTESTATION_BINDING')
    assert.equal(verdictOf(written({}), Uint8Array.of(...PUBLIC_KEY, 0)), 'ATTESTATION_BINDING')
    assert.equal(verdictOf(written({}), PUBLIC_KEY.slice(1)), 'ATTESTATION_BINDING')
    assert.equal(verdictOf(written({}), null), 'ATTESTATION_BINDING')
  })

  it('are refused around the bytes too: before, behind, wrapped, loosely written', () => {
    const right = written({})
    const fields = { v: USER_DATA_VERSION, ...TRUE_WORDS }
    const wrong: readonly (Uint8Array | null)[] = [
      null,
      new Uint8Array(0),
      concatBytes(right, Uint8Array.of(0)),
      concatBytes(Uint8Array.of(0), right),
      concatBytes(Uint8Array.of(0x81), right),
      concatBytes(Uint8Array.of(0xbf), right.subarray(1), Uint8Array.of(0xff)),
      concatBytes(Uint8Array.of(0xb8, right[0] === undefined ? 0 : right[0] & 31), right.subarray(1)),
      new TextEncoder().encode(JSON.stringify(fields)),
      // The same values with addresses and hashes as text.
      encodeCbor(fields),
      encodeCbor({ ...bytesOf(fields), more: 1 }),
      encodeCbor({ ...bytesOf(fields), v: 2 }),
    ]
    assert.deepEqual(encodeCbor(bytesOf(fields)), right, 'the honest form, by hand')
    for (const userData of wrong) assert.equal(verdictOf(userData), 'ATTESTATION_BINDING')
  })

  it('are refused in every field, null among them; what is not compared has to be said', () => {
    const others: Omit<UserData, 'v'> = {
      role: 'signer',
      chainId: 1,
      anchor: addressOf('01'),
      config: hashOf('01'),
      authority: addressOf('01'),
      policyHash: hashOf('01'),
      head: hashOf('01'),
      epoch: 8,
      session: addressOf('01'),
      credits: 'host-trusted',
    }
    for (const field of BOUND_FIELDS) {
      assert.equal(verdictOf(written({ [field]: others[field] })), 'ATTESTATION_BINDING', field)
      const nullable = field !== 'role' && field !== 'chainId' && field !== 'config'
      if (nullable) assert.equal(verdictOf(written({ [field]: null })), 'ATTESTATION_BINDING', `${field} null`)
      const loose = { ...EXPECTED, userData: { ...TRUE_WORDS, [field]: UNCHECKED } }
      assert.equal(verdictOf(written({ [field]: others[field] }), PUBLIC_KEY, loose), 'accepted', `${field} unchecked`)
      const forgotten = { ...EXPECTED, userData: { ...TRUE_WORDS, [field]: undefined } } as unknown as ExpectedBinding
      assert.equal(verdictOf(written({}), PUBLIC_KEY, forgotten), 'ATTESTATION_EXPECTATION', `${field} forgotten`)
    }
  })
})

function bytesOf(fields: UserData): { readonly [key: string]: string | number | Uint8Array | null } {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'string' && value.startsWith('0x') ? fromHex(value as Hash) : value,
    ]),
  )
}
