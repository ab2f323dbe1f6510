/** Acts as an admin gets them from somebody else: files that are read before anything is signed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { toHex } from '../../../../enclave/protocol/ids.ts'
import { wei } from '../../../../enclave/protocol/money.ts'
import { policyCodec, policyHash } from '../../../../enclave/protocol/policy.ts'
import { signAnswer } from '../../../../scripts/cli/acts/answers.ts'
import { newAct, writeAct } from '../../../../scripts/cli/acts/file.ts'
import { changesOf } from '../../../../scripts/cli/acts/policy-changes.ts'
import { anAddress, aPolicy } from '../../../builders/boot.ts'

const LEDGER = { chainId: 42_161, anchor: anAddress(0xa1) }
const NOWHERE = { out: () => undefined, err: () => undefined, environment: {}, typedIn: '/' }

describe('an act in a file', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acts-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('says until when it is good, also where that is later than any calendar', async () => {
    for (const [notAfter, said] of [
      [1_800_000_000, 'good until 2027-01-15T08:00:00.000Z'],
      [Number.MAX_SAFE_INTEGER, `good until second ${Number.MAX_SAFE_INTEGER}`],
    ] as const) {
      const file = join(folder, `${notAfter}.json`)
      await writeAct(file, newAct('drain', LEDGER, { drainSeq: 1, amountWei: '1', notAfter }))
      expect((await signAnswer(file, {}, NOWHERE)).text).to.contain(said)
    }
  })

  it('shows which fields of a policy change, beside the policy that it names and no other', () => {
    const before = aPolicy({ payoutWeiMax: wei(10n ** 18n) })
    const after = aPolicy({ payoutWeiMax: wei(2n * 10n ** 18n), deniedRecipients: [anAddress(9)] })
    const fields = { policy: policyCodec.encode(after), version: 2, notAfter: 1, prevPolicyHash: policyHash(before) }
    const { act, fields: read } = newAct('policy', LEDGER, JSON.parse(JSON.stringify(hexed(fields))))
    expect(changesOf({ act, fields: read }, before)).to.deep.equal([
      'It changes:',
      '  payoutWeiMax: 1 ETH becomes 2 ETH',
      `  deniedRecipients: [] becomes ["${anAddress(9)}"]`,
    ])
    expect(() => changesOf({ act, fields: read }, after)).to.throw('to compare with')
    expect(changesOf({ act: 'drain', fields: {} }, after)).to.deep.equal([])
  })
})

/** Bytes as a file of JSON has them. */
function hexed(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(hexed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, hexed(inner)]))
}
