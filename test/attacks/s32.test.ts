import { strict as assert } from 'node:assert'
import { appendHash, entryHash, logRootAt, newLogTree } from '../../auditor/naive/trees.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { aLine } from '../builders/boot.ts'
import { useStage } from './use-stage.ts'

const SIZE_MAX = 1_025

describe('S32: a log whose tree has another shape', () => {
  const stage = useStage()

  it('is not this one: at every size the enclave has the root that the auditor recomputes', async () => {
    const boot = await stage().active()
    const tree = newLogTree()
    for (const entry of boot.entries) appendHash(tree, entryHash(entry))
    for (let size = boot.entries.length; size <= SIZE_MAX; size++) {
      const { audit_seq, audit_merkle_root } = await boot.call('audit_status', {})
      assert.deepEqual(
        { audit_seq, audit_merkle_root },
        { audit_seq: size, audit_merkle_root: toHash(logRootAt(tree, size)) },
      )
      await boot.offer(aLine('orch-0', '0.000001'))
      appendHash(tree, entryHash(boot.entries.at(-1) as Uint8Array))
    }
  })
})
