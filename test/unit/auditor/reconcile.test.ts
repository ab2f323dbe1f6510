import { assert } from 'chai'
import type { AnchorEvent } from '../../../auditor/chain-facts.ts'
import { reconcile } from '../../../auditor/reconcile.ts'
import type { Address } from '../../../enclave/protocol/ids.ts'
import { ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { aGovernedLog } from './governed-log.ts'
import { AUTHORITY, addressOf } from './log-builder.ts'
import { replayOf } from './log-judge.ts'
import { quietFacts } from './quiet-facts.ts'
import { aRotation } from './signed-bodies.ts'

const HEIR = addressOf(0xd2)

/** Epoch 1 under the first authority; the contract rotates at epoch 2, and the heir opens epoch 3. */
function handedOver(authority = HEIR, claimed = 2) {
  const log = aGovernedLog().open()
  const { logKey, config, imageDigest } = log.state
  log.put('rotate', aRotation({ epoch: claimed, authority, logKey, config, imageDigest }, { notAfter: 0 }, []))
  log.state.epoch = 2
  return log.open().entries
}

const where = { block: 1, logIndex: 0, transaction: ZERO_HASH }
const session = (epoch: number, key: Address): AnchorEvent => {
  return { ...where, kind: 'session', epoch, head: ZERO_HASH, session: key, attestationDigest: ZERO_HASH }
}
const rotated = (epoch: number, authority: Address): AnchorEvent => ({ ...where, kind: 'rotated', epoch, authority })
const appointed = (authority: Address): AnchorEvent => ({ ...where, kind: 'appointed', authority })
const EVENTS = [appointed(AUTHORITY), session(1, addressOf(0x5000)), rotated(2, HEIR), session(3, addressOf(0x5002))]

/** `CODE subject` of every finding about these events beside this log. */
function found(entries: readonly Uint8Array[], events: readonly AnchorEvent[]): string[] {
  const replay = replayOf(entries)
  if (replay.ledger === null) throw new TypeError('expected a ledger')
  assert.deepEqual(replay.findings.list, [])
  const epoch = events.filter(({ kind }) => kind === 'session' || kind === 'rotated').length
  const facts = quietFacts(epoch, HEIR, events)
  const { findings } = reconcile({
    ledger: replay.ledger,
    size: replay.size,
    headers: new Map(),
    facts,
    at: 0,
    since: 0,
  })
  return findings.list.map(({ code, subject }) => `${code} ${subject}`)
}

describe('auditor: authorities of log and chain', () => {
  it('finds nothing when the log hands over where the contract does', () => {
    assert.deepEqual(found(handedOver(), EVENTS), [])
  })

  it('names an authority that the contract never rotated to, or at another epoch', () => {
    const stranger = found(handedOver(addressOf(0xd3)), EVENTS)
    assert.deepEqual(stranger, ['AUTHORITY_FIELD rotation at epoch 2', 'AUTHORITY_FIELD session of epoch 3'])
    assert.deepEqual(found(handedOver(HEIR, 1), EVENTS), ['AUTHORITY_FIELD rotation at epoch 1'])
  })

  it('names a rotation on chain that the log leaves out', () => {
    const log = aGovernedLog().open()
    log.state.epoch = 2
    assert.deepEqual(found(log.open().entries, EVENTS), ['AUTHORITY_FIELD session of epoch 3'])
  })

  it('names a first authority that is not the one of genesis', () => {
    const found1 = found(handedOver(), EVENTS.with(0, appointed(addressOf(0xd9))))
    assert.deepEqual(found1, ['AUTHORITY_FIELD authority', 'AUTHORITY_FIELD session of epoch 1'])
  })
})
