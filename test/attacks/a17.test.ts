import { strict as assert } from 'node:assert'
import { parseHeader } from '../../enclave/seal/record.ts'
import type { Boot } from './boot.ts'
import { useStage } from './use-stage.ts'

const SEALS = 1_000

describe('A17: clones that seal different states', () => {
  const stage = useStage()

  /** Salt and vector of every record that this boot sealed itself. */
  async function sealedBy(boot: Boot): Promise<{ salt: string; iv: string }[]> {
    const from = boot.kept.length
    for (let record = 0; record < SEALS; record++) await boot.credit('0.000001', 'orch-0')
    return boot.kept.slice(from).map(({ sealed }) => {
      const header = parseHeader(sealed)
      assert(header !== undefined, 'what was released is a record')
      return { salt: hex(header.salt), iv: hex(header.iv) }
    })
  }

  it('never share a subkey, and no subkey sees a vector twice', async () => {
    const first = await stage().active()
    const prefix = [...first.kept]
    const twin = await stage().boot()
    await twin.load(prefix, await stage().claim())
    const { epoch } = await twin.openSession()
    await twin.tellLanded(epoch)

    const [left, right] = [await sealedBy(first), await sealedBy(twin)]
    assert.equal(left.length, SEALS)
    assert.equal(right.length, SEALS)
    assert.equal(new Set(left.map(({ salt }) => salt)).size, 1)
    assert.notEqual(left[0]?.salt, right[0]?.salt)
    assert.equal(new Set([...left, ...right].map(({ salt, iv }) => `${salt} ${iv}`)).size, 2 * SEALS)
  })

  function hex(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString('hex')
  }
})
