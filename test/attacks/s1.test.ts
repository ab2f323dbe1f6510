import { strict as assert } from 'node:assert'
import { decodeCbor } from '../../enclave/protocol/cbor.ts'
import { keccak256 } from '../../enclave/protocol/hash.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { Forger } from './forger.ts'
import { refuses, useStage } from './use-stage.ts'

/** The row of an account in a snapshot, and the credits in it: an amount of 16 bytes (docs/PROTOCOL.md section 7). */
const ROW_BYTES = 102
const RECIPIENT_AT = 2
const CREDITED_AT = 22

describe('S1: a host that loads over a live state, or parts of one', () => {
  const stage = useStage()

  /** A ledger with a payout under a header that holds all of it, as one snapshot, opened. */
  async function openedSnapshot() {
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    await stage().pay(boot)
    await stage().anchorBare(boot)
    const { chunk, chunks } = await boot.call('export_snapshot', { chunk: 0 })
    assert.equal(chunks, 1)
    const forger = new Forger(stage())
    return { boot, forger, chunk, parts: forger.openSnapshot(chunk) }
  }

  it('is refused a second load, a genesis and a rebuild, and the state stays as it was', async () => {
    const { boot } = await openedSnapshot()
    const before = await boot.ledger()
    await refuses(boot.load(boot.kept, await stage().claim()), 'PHASE_FORBIDS')
    await refuses(boot.begin(stage().genesis, 0), 'PHASE_FORBIDS')
    await refuses(boot.call('rebuild', { entries: [], more: true }), 'PHASE_FORBIDS')
    assert.deepEqual(await boot.ledger(), before)
  })

  it('can leave no field out of a blob: none is filled from what was there before', async () => {
    const { forger, parts, chunk } = await openedSnapshot()
    const claim = { ...(await stage().claim()), bitmap: null }
    const whole = await stage().boot()
    await whole.load([{ sealed: forger.sealSnapshot(parts, chunk), entries: [] }], claim)

    const again = await stage().boot()
    const [head, ...rest] = parts
    const fields = decodeCbor(head as Uint8Array, { canonical: true }) as Record<string, unknown>
    const answers = new Set<string>()
    for (const name of Object.keys(fields)) {
      const { [name]: _, ...others } = fields
      const sealed = forger.sealSnapshot([forger.encode(others), ...rest], chunk)
      answers.add(await codeOfCall(again.load([{ sealed, entries: [] }], claim)))
    }
    assert.deepEqual([...answers], ['STATE_MISMATCH'])
  })

  it('can put no other head, tree, log, balance or policy in the place of the one that was there', async () => {
    const { forger, parts, chunk } = await openedSnapshot()
    const claim = { ...(await stage().claim()), bitmap: null }
    const [head, accounts, ...rest] = parts as [Uint8Array, Uint8Array, ...Uint8Array[]]
    const fields = decodeCbor(head, { canonical: true }) as { policy: object }
    // The flag that the replaced system carried in its blob, with the old hash beside it and with its own.
    const flipped = { ...fields.policy, credits: 'signed' }
    const ownHash = keccak256(forger.encode(flipped))
    const robbed = accounts.slice()
    new DataView(robbed.buffer).setBigUint64(ROW_BYTES + CREDITED_AT + 8, 2_000_000_000_000_000_000n)
    // Another recipient leaves every sum as it was: the tree alone knows.
    const redirected = accounts.with(ROW_BYTES + RECIPIENT_AT, 0xee)
    const changed = [
      [forger.encode({ ...fields, ledgerId: new Uint8Array(32) }), accounts, ...rest],
      [forger.encode({ ...fields, head: new Uint8Array(32) }), accounts, ...rest],
      [forger.encode({ ...fields, treeDepth: 18 }), accounts, ...rest],
      [forger.encode({ ...fields, logSize: 3 }), accounts, ...rest],
      [head, robbed, ...rest],
      [head, redirected, ...rest],
      [forger.encode({ ...fields, policy: flipped }), accounts, ...rest],
      [forger.encode({ ...fields, policy: flipped, policyHash: ownHash }), accounts, ...rest],
    ]
    const again = await stage().boot()
    const answers: string[] = []
    for (const state of changed) {
      const sealed = forger.sealSnapshot(state, chunk)
      answers.push(await codeOfCall(again.load([{ sealed, entries: [] }], claim)))
    }
    assert.deepEqual(answers, [
      'STATE_MISMATCH',
      'CLAIM_MISMATCH',
      'STATE_MISMATCH',
      'STATE_MISMATCH',
      'STATE_MISMATCH',
      'STATE_MISMATCH',
      'STATE_MISMATCH',
      'STATE_MISMATCH',
    ])
  })
})
