import { assert } from 'chai'
import type { Committed, SessionOpened } from '../../../auditor/chain-facts.ts'
import { readInclusion } from '../../../auditor/inclusion.ts'
import type { LogSource } from '../../../auditor/log-source.ts'
import { appendHash, entryHash, type LogTree, logRootAt, newLogTree } from '../../../auditor/naive/trees.ts'
import { judgeReceipt, parseReceipt, type ReceiptClaim, type SignedReceipt } from '../../../auditor/receipt.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { receiptStruct } from '../../../enclave/protocol/header.ts'
import { toHash, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { inclusionProof } from '../../../enclave/protocol/log-tree.ts'
import { parseTilePath } from '../../../enclave/protocol/tlog.ts'
import { concatBytes, utf8 } from '../../../enclave/protocol/words.ts'
import { hashOf } from './log-builder.ts'
import { LEDGER, Signer, STRANGER } from './signed-bodies.ts'

const SIZE = 700
const INDEX = 300
const session = new Signer(51)
const entries = Array.from({ length: SIZE }, (_, at) => utf8(`entry ${at}`))
const tree = treeOf(entries)
const root = toHash(logRootAt(tree, SIZE))

function treeOf(list: readonly Uint8Array[]): LogTree {
  const made = newLogTree()
  for (const entry of list) appendHash(made, entryHash(entry))
  return made
}

const nodeOf = (level: number, index: number) => tree.levels[level]?.[index] as Uint8Array
const where = { block: 10, logIndex: 0, transaction: ZERO_HASH }
const opened: SessionOpened = {
  ...where,
  kind: 'session',
  epoch: 3,
  head: ZERO_HASH,
  session: session.address,
  attestationDigest: ZERO_HASH,
}
const committed: Committed = {
  ...where,
  kind: 'committed',
  epoch: 3,
  sequence: 7,
  prev: ZERO_HASH,
  next: hashOf(1),
  balanceRoot: ZERO_HASH,
  logRoot: root,
  logSize: SIZE,
}

function receiptOf(over: Partial<SignedReceipt> = {}, signer = session): SignedReceipt {
  const fields = { epoch: 3, logIndex: INDEX, leafHash: toHash(entryHash(entries[INDEX] as Uint8Array)), ...over }
  return { ...fields, signature: signer.sign(receiptStruct(fields)) }
}

const claim: ReceiptClaim = {
  receipt: receiptOf(),
  ledger: LEDGER,
  sessions: [opened],
  committed: [committed],
  finalBlock: 10,
  inclusion: { size: SIZE, root, proof: inclusionProof(INDEX, SIZE, nodeOf) },
}

function judged(over: Partial<ReceiptClaim>): string {
  const verdict = judgeReceipt({ ...claim, ...over })
  if (verdict.kind === 'provisional') return `waits for ${verdict.waitsFor}`
  return verdict.kind === 'invalid' ? verdict.fault : verdict.kind
}

describe('auditor: receipts', () => {
  it('is final when a final commit covers the place that the session signed', () => {
    assert.deepEqual(judgeReceipt(claim), { kind: 'final', sequence: 7 })
    assert.equal(judged({ entry: entries[INDEX] as Uint8Array }), 'final')
  })

  it('refuses any other signer, epoch, place, leaf and ledger', () => {
    const { receipt } = claim
    assert.equal(judged({ receipt: receiptOf({}, STRANGER) }), 'SIGNATURE_WRONG')
    assert.equal(judged({ receipt: { ...receipt, logIndex: INDEX + 1 } }), 'SIGNATURE_WRONG')
    assert.equal(judged({ receipt: { ...receipt, leafHash: hashOf(1) } }), 'SIGNATURE_WRONG')
    assert.equal(judged({ receipt: { ...receipt, epoch: 4 } }), 'SESSION_UNKNOWN')
    assert.equal(judged({ sessions: [{ ...opened, session: STRANGER.address }] }), 'SIGNATURE_WRONG')
    assert.equal(judged({ sessions: [{ ...opened, epoch: 4 }] }), 'SESSION_UNKNOWN')
    assert.equal(judged({ ledger: { ...LEDGER, chainId: 1 } }), 'SIGNATURE_WRONG')
  })

  it('refuses an entry that is not the one under the receipt', () => {
    assert.equal(judged({ entry: entries[INDEX + 1] as Uint8Array }), 'ENTRY_DIFFERS')
  })

  it('waits for the log, for a commit that covers it, and for its block to be final', () => {
    assert.equal(judged({ inclusion: null }), 'waits for the log')
    const short = { size: INDEX, root, proof: [] }
    assert.equal(judged({ inclusion: short }), 'waits for the log')
    assert.equal(judged({ committed: [] }), 'waits for a commit')
    assert.equal(judged({ committed: [{ ...committed, logRoot: hashOf(1) }] }), 'waits for a commit')
    assert.equal(judged({ finalBlock: 9 }), 'waits for a final block')
  })

  it('says so when the anchored log holds something else at that place', () => {
    const elsewhere = receiptOf({ leafHash: hashOf(9) })
    assert.equal(judged({ receipt: elsewhere }), 'NOT_INCLUDED')
    const { proof } = claim.inclusion as NonNullable<ReceiptClaim['inclusion']>
    for (const at of proof.keys())
      assert.equal(
        judged({ inclusion: { size: SIZE, root, proof: proof.with(at, new Uint8Array(32)) } }),
        'NOT_INCLUDED',
      )
    assert.equal(judged({ inclusion: { size: SIZE, root, proof: proof.slice(1) } }), 'NOT_INCLUDED')
  })

  it('refuses what is no receipt, with the field', () => {
    const { signature, ...rest } = claim.receipt
    assert.deepEqual(parseReceipt(JSON.parse(JSON.stringify(claim.receipt))), claim.receipt)
    for (const json of [rest, { ...claim.receipt, signature: signature.slice(0, -2) }, { ...claim.receipt, more: 1 }]) {
      try {
        parseReceipt(json)
        assert.fail('expected a refusal')
      } catch (error) {
        assert.isTrue(isCoded(error, 'PARAMS_INVALID'))
      }
    }
  })
})

describe('auditor: inclusion proofs from published tiles', () => {
  /** The tiles of a log of 700 entries, as they would lie in a folder. */
  const source = (missing?: string): LogSource => ({
    name: 'memory',
    read: async (path: string) => {
      const name = parseTilePath(path)
      if (path === missing || name?.kind !== 'hashes') return undefined
      const row = (tree.levels[name.level * 8] ?? []).slice(name.index * 256, name.index * 256 + name.width)
      return row.length === name.width ? concatBytes(...row) : undefined
    },
    list: async () => [],
  })

  it('gives the proof that the whole tree gives, for entries of every tile', async () => {
    for (const index of [0, 1, 255, 256, 300, 511, 512, 640, 698, 699])
      assert.deepEqual(await readInclusion(source(), index, SIZE), inclusionProof(index, SIZE, nodeOf), `${index}`)
  })

  it('refuses to guess where a tile is missing', async () => {
    try {
      await readInclusion(source('tile/0/001'), INDEX, SIZE)
      assert.fail('expected a refusal')
    } catch (error) {
      assert.isTrue(isCoded(error, 'AUDIT_STORE'))
    }
  })
})
