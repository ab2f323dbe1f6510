import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from 'chai'
import { EXIT_CLEAN, EXIT_FINDINGS, EXIT_UNCHECKED, main } from '../../auditor/main.ts'
import { entryHash } from '../../auditor/naive/trees.ts'
import { proofOf } from '../../enclave/core/balance-forest.ts'
import { foldHead, headerHash } from '../../enclave/protocol/header.ts'
import { toHash, toHex } from '../../enclave/protocol/ids.ts'
import { ANCHOR_TYPES } from '../contracts/wire.ts'
import { livedLedger, type Stage } from './auditor-stage.ts'
import { chainWorkshop } from './chain-harness.ts'

const ARTIFACT = 'artifacts/contracts/LedgerAnchor.sol/LedgerAnchor.json'

describe('auditor: what an enclave told others, beside the embedded chain', function () {
  this.timeout(120_000)
  const workshop = chainWorkshop()
  let stage: Stage
  let root: string
  let logIndex: number

  before(async function () {
    if (!existsSync(ARTIFACT)) {
      process.stdout.write(`    skipped: ${ARTIFACT} is not there; run "hardhat build" first\n`)
      return this.skip()
    }
    root = await mkdtemp(join(tmpdir(), 'anchorhold-promises-'))
    const chain = await workshop.start({ dataDir: await workshop.folder() })
    stage = await livedLedger(chain.url)
    await stage.open('the newest session')
    await stage.bare()
    await stage.publish(join(root, 'log'))
    logIndex = (stage.header?.logSize ?? 0) - 1
    await writeFile(join(root, 'balance.json'), asJson(statementOf('orch-0')))
    await writeFile(join(root, 'receipt.json'), asJson(await receiptOf(logIndex)))
  })

  after(async () => {
    await workshop.clear()
    if (root !== undefined) await rm(root, { recursive: true, force: true })
  })

  function statementOf(id: string) {
    const { state } = stage.log
    const account = state.byId.get(id)
    const header = state.lastHeader
    if (account === undefined || header === null) throw new TypeError('expected an account and a header')
    const { index, recipient, creditedWei, paidWei, reservedWei, lastSeq } = account
    return {
      header,
      headerHash: headerHash(header),
      landed: true,
      account: { index, orchestratorId: id, recipient, creditedWei, paidWei, reservedWei, lastSeq },
      proof: proofOf(state.forest, index).map(toHex),
    }
  }

  async function receiptOf(index: number) {
    const { epoch } = stage.log.state
    const leafHash = toHash(entryHash(stage.log.entries[index] as Uint8Array))
    const signature = await stage.session.signTypedData({
      domain: {
        name: 'Anchorhold',
        version: '1',
        chainId: stage.deployment.chainId,
        verifyingContract: stage.deployment.anchor,
      },
      types: { ...ANCHOR_TYPES, Receipt: RECEIPT },
      primaryType: 'Receipt',
      message: { epoch, logIndex: BigInt(index), leafHash },
    })
    return { epoch, logIndex: index, leafHash, signature }
  }

  /** Exit code and the verdict's kind or fault; `could not check` when there is none. */
  async function told(...words: string[]): Promise<string> {
    let text = ''
    const say = (part: string): void => {
      text += part
    }
    const exit = await main([...words, '--anchor', stage.anchor], { out: say, err: say })
    if (exit === EXIT_UNCHECKED) return 'unchecked'
    const verdict = JSON.parse(text) as { kind: string; fault?: string }
    assert.equal(exit, verdict.kind === 'invalid' ? EXIT_FINDINGS : EXIT_CLEAN)
    return verdict.fault ?? verdict.kind
  }

  const balance = (...words: string[]) => told('balance', join(root, 'balance.json'), '--id', 'orch-0', ...words)
  const receipt = (...words: string[]) => {
    return told('receipt', join(root, 'receipt.json'), '--rpc', stage.url, '--log', join(root, 'log'), ...words)
  }

  async function rewritten(
    name: string,
    change: (json: Record<string, unknown>) => object,
  ): Promise<() => Promise<void>> {
    const path = join(root, name)
    const before = await readFile(path, 'utf8')
    await writeFile(path, JSON.stringify(change(JSON.parse(before) as Record<string, unknown>)))
    return () => writeFile(path, before)
  }

  it('takes the balance in the newest header: final, and provisional while its block is young', async () => {
    assert.equal(await balance('--rpc', stage.url, '--depth', '0'), 'final')
    assert.equal(await balance('--rpc', stage.url, '--depth', '1000'), 'provisional')
  })

  it('takes one hash that the reader looked up, without an endpoint', async () => {
    const { headerHash: next } = statementOf('orch-0')
    const chain = ['--chain-id', `${stage.deployment.chainId}`]
    assert.equal(await balance(...chain, '--next', next), 'given')
    assert.equal(await balance(...chain, '--head', next), 'given')
    assert.equal(await balance(...chain, '--head', foldHead(next, 1n)), 'NOT_LANDED')
    assert.equal(await balance('--chain-id', '1', '--next', next), 'OTHER_LEDGER')
    assert.equal(await balance(...chain), 'unchecked')
  })

  it('refuses an edited amount, another id, and a file that is no statement', async () => {
    const undo = await rewritten('balance.json', (json) => ({
      ...json,
      account: { ...(json['account'] as object), creditedWei: '999999999999999999999' },
    }))
    assert.equal(await balance('--rpc', stage.url, '--depth', '0'), 'PROOF_INVALID')
    await undo()
    const other = ['balance', join(root, 'balance.json'), '--id', 'orch-1', '--rpc', stage.url]
    assert.equal(await told(...other), 'OTHER_ACCOUNT')
    assert.equal(await told('balance', join(root, 'receipt.json'), '--id', 'orch-0', '--rpc', stage.url), 'unchecked')
    assert.equal(await told('balance', join(root, 'none.json'), '--id', 'orch-0', '--rpc', stage.url), 'unchecked')
  })

  it('takes a receipt under the newest checkpoint: final, and provisional while its block is young', async () => {
    assert.equal(await receipt('--depth', '0'), 'final')
    assert.equal(await receipt('--depth', '1000'), 'provisional')
  })

  it('refuses a receipt for another place or epoch, and one of an entry that was never anchored', async () => {
    for (const [change, fault] of [
      [{ logIndex: logIndex - 1 }, 'SIGNATURE_WRONG'],
      [{ epoch: 99 }, 'SESSION_UNKNOWN'],
      [await receiptOf(logIndex + 1), 'provisional'],
      [await lost(), 'NOT_INCLUDED'],
    ] as const) {
      const undo = await rewritten('receipt.json', (json) => ({ ...json, ...change }))
      assert.equal(await receipt('--depth', '0'), fault)
      await undo()
    }
  })

  /** A receipt for an entry that the log does not hold at that place. */
  async function lost() {
    const own = stage.log.entries[logIndex] as Uint8Array
    stage.log.entries[logIndex] = stage.log.entries[0] as Uint8Array
    const made = await receiptOf(logIndex)
    stage.log.entries[logIndex] = own
    return made
  }
})

const RECEIPT = [
  { name: 'epoch', type: 'uint48' },
  { name: 'logIndex', type: 'uint64' },
  { name: 'leafHash', type: 'bytes32' },
] as const

function asJson(value: object): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part))
}
