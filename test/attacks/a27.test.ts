import { strict as assert } from 'node:assert'
import { decodeCbor, encodeCbor } from '../../enclave/protocol/cbor.ts'
import { PROTOCOL_VERSION } from '../../enclave/protocol/header.ts'
import { Forger } from './forger.ts'
import { refuses, useStage } from './use-stage.ts'

describe('A27: an older image on the ledger of a newer one', () => {
  const stage = useStage()

  /** The ledger as an image of this generation, or a later one, would have written it. */
  async function ledgerOf(version: number) {
    const boot = await stage().boot()
    await boot.begin(stage().genesis, 0)
    const forger = new Forger(stage())
    const deltas = forger.open(boot.kept).map(({ entries, firstIndex }) => ({
      firstIndex,
      entries: entries.map((entry) =>
        encodeCbor({ ...(decodeCbor(entry, { canonical: true }) as object), v: version }),
      ),
    }))
    await boot.kill()
    return forger.seal(deltas, 1)
  }

  it('loads what its own generation wrote', async () => {
    const records = await ledgerOf(PROTOCOL_VERSION)
    const boot = await stage().boot()
    await boot.load(records, await stage().claim())
    await stage().activate(boot)
  })

  it('refuses the first entry of a later generation, and signs nothing', async () => {
    const records = await ledgerOf(PROTOCOL_VERSION + 1)
    const boot = await stage().boot()
    await refuses(boot.load(records, await stage().claim()), 'VERSION_NEWER')
    assert.equal((await boot.call('status', {})).phase, 'provisioned')
    await refuses(boot.openSession(), 'PHASE_FORBIDS')
  })
})
