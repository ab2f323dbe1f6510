import { strict as assert } from 'node:assert'
import { stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { planLoad, readSealed } from '../../host/load-plan.ts'
import { pathsOf } from '../../host/paths.ts'
import type { Boot, StoredRecord } from './boot.ts'
import { store } from './host-store.ts'
import { ETHER_WEI } from './stage.ts'
import { useStage } from './use-stage.ts'

const TORN_BYTES = 3
/** After which the session counts as final. */
const FINAL_BLOCKS = 3

type Edit = (records: readonly StoredRecord[], at: number) => StoredRecord[]

const EDITS: { readonly [name: string]: Edit } = {
  flipped: (records, at) => records.with(at, flipped(records[at] as StoredRecord)),
  'cut short': (records, at) =>
    records.with(
      at,
      edited(records[at] as StoredRecord, (sealed) => sealed.slice(0, -1)),
    ),
  missing: (records, at) => records.toSpliced(at, 1),
  doubled: (records, at) => records.toSpliced(at, 0, records[at] as StoredRecord),
  swapped: (records, at) => records.with(at, records[at + 1] as StoredRecord).with(at + 1, records[at] as StoredRecord),
}

describe('S4: a host that edits its sealed files', () => {
  const stage = useStage()

  /** The code and the record that a load is refused with. */
  async function refusal(boot: Boot, records: readonly StoredRecord[]): Promise<string> {
    try {
      await boot.load(records, await stage().claim())
      return 'accepted'
    } catch (error) {
      assert(isCoded(error), String(error))
      return `${error.code} ${/record \d+/.exec(error.message)?.[0]}`
    }
  }

  it('is told the number of the record, whatever it did to it', async () => {
    const boot = await stage().active()
    for (const id of ['orch-0', 'orch-1', 'orch-2']) await boot.credit('0.5', id)
    const again = await stage().boot()
    const last = boot.kept.length - 1
    for (const [name, edit] of Object.entries(EDITS))
      for (let at = 0; at < last; at++) {
        const named = name === 'doubled' ? at + 1 : at
        const code = name === 'flipped' || name === 'cut short' ? 'SEAL_BROKEN' : 'SEAL_ORDER'
        assert.equal(await refusal(again, edit(boot.kept, at)), `${code} record ${named}`, `${name} at ${at}`)
      }
    for (const name of ['flipped', 'cut short', 'doubled'] as const) {
      const code = name === 'doubled' ? `SEAL_ORDER record ${last + 1}` : `SEAL_BROKEN record ${last}`
      assert.equal(await refusal(again, (EDITS[name] as Edit)(boot.kept, last)), code, `${name} at the end`)
    }
    await again.load(boot.kept, await stage().claimFor(boot.kept))
  })

  it('loses the last record by tearing it, and nothing else: every whole one before it counts', async () => {
    const boot = await stage().active()
    for (const id of ['orch-0', 'orch-1', 'orch-2']) await boot.credit('0.5', id)
    await boot.kill()
    await store(stage(), boot, null, 1)
    await stage().node.mine(FINAL_BLOCKS)
    const paths = pathsOf(stage().folder)
    const file = join(paths.sealed, `${boot.session}.log`)
    await truncate(file, (await stat(file)).size - TORN_BYTES)
    const [candidate] = await planLoad(paths, stage().chain, await stage().claim())
    assert(candidate !== undefined, 'something stored leads to the head')
    const sealed = await Array.fromAsync(readSealed(paths, candidate))
    assert.equal(sealed.length, boot.kept.length - 1)
    const whole = boot.kept.slice(0, -1)
    const again = await stage().reloaded(whole.map((record, at) => ({ ...record, sealed: sealed[at] as Uint8Array })))
    assert.equal((await stage().audits(again)).creditedWei, ETHER_WEI)
  })

  it('can not put the record of a clone in the place of one with the same number', async () => {
    const boot = await stage().active()
    const atSession = [...boot.kept]
    const clone = await stage().boot()
    await clone.load(atSession, await stage().claim())
    await clone.tellLanded((await clone.openSession()).epoch)
    await boot.credit('0.5', 'orch-0')
    await boot.credit('0.5', 'orch-1')
    await clone.credit('0.7', 'orch-0')
    const foreign = clone.kept[atSession.length + 1] as StoredRecord
    const mixed = boot.kept.with(atSession.length + 1, foreign)
    const again = await stage().boot()
    assert.equal(await refusal(again, mixed), `SEAL_ORDER record ${atSession.length + 1}`)
  })
})

function flipped(record: StoredRecord): StoredRecord {
  return edited(record, (sealed) => sealed.with(sealed.length >> 1, (sealed[sealed.length >> 1] as number) ^ 1))
}

function edited(record: StoredRecord, edit: (sealed: Uint8Array) => Uint8Array): StoredRecord {
  return { ...record, sealed: edit(record.sealed) }
}
