import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { type Address, type Hash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import type { ReleasedRecord } from '../../enclave/protocol/method-results.ts'
import { parsePolicy } from '../../enclave/protocol/policy.ts'
import { encodeEntries, logsOf, pathTo, readBoot, storedEnd, writeBoot } from '../../host/boot-records.ts'
import { type HostConfig, hostConfigOf } from '../../host/config.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { type EnclaveProcess, startEnclave } from '../../host/enclave-process.ts'
import { EntryReader } from '../../host/entry-reader.ts'
import { readSealed } from '../../host/load-plan.ts'
import { openLog } from '../../host/log.ts'
import { openRecordStore, type RecordStore } from '../../host/records.ts'
import { UNGOVERNED_JSON } from '../builders/governance.ts'
import { codeOfCall } from '../builders/refusals.ts'

const ANCHOR = `0x${'a1'.repeat(20)}` as Address
const FEES = { gas: 100_000, maxFeePerGasWei: '1', maxPriorityFeePerGasWei: '0' }

describe('records of a real enclave, stored under faults', function () {
  this.timeout(120_000)
  let config: HostConfig
  let child: EnclaveProcess
  let enclave: EnclaveClient
  let store: RecordStore
  let session = ''
  let lines = 0
  let head: Hash = ZERO_HASH

  beforeEach(async () => {
    config = configure(mkdtempSync(join(tmpdir(), 'host-records-')))
    await restart()
    const keys = await enclave.call('generate', {})
    await enclave.call('provision', {
      ciphertext_b64: keys.ciphertext_b64,
      state_ciphertext_b64: keys.state_ciphertext_b64,
    })
    writeFileSync(config.paths.keyFile, JSON.stringify(keys))
    session = (await enclave.call('status', {})).session ?? ''
    await writeBoot(config.paths, { session, parent: null, epoch: null, atMs: 1 } as Parameters<typeof writeBoot>[1])
    await enclave.call('genesis', { policy: POLICY })
    await store.heal(session)
    const opened = await enclave.call('open_session', { accountNonce: 0, fees: FEES })
    await store.store(session, opened.records)
    await enclave.call('session_landed', { epoch: opened.epoch })
    ;[lines, head] = [0, ZERO_HASH]
  })

  afterEach(async () => {
    await store.close()
    enclave.close()
    await child.stop()
    rmSync(config.paths.root, { recursive: true, force: true })
  })

  async function restart(): Promise<void> {
    child = await startEnclave(config, openLog({ level: 'silent', name: 'enclave' }))
    enclave = openEnclaveClient(config.enclaveEndpoint)
    store = openRecordStore(enclave, config.paths)
  }

  /** One line applied; its record is released and nobody has stored it. */
  async function apply(): Promise<readonly ReleasedRecord[]> {
    const line = Buffer.from(
      `${JSON.stringify({ event: 'credit', orchestrator_id: 'orch', amount: '0.1', n: lines })}\n`,
    )
    const answer = await enclave.call('apply_events', { firstIndex: lines, head, lines: [new Uint8Array(line)] })
    if (answer.kind !== 'ack') throw new Error(`expected an ack, got ${answer.kind}`)
    ;[lines, head] = [answer.journalSize, answer.journalHead]
    return answer.records
  }

  async function logs() {
    const boot = await readBoot(config.paths, session)
    if (boot === undefined) throw new Error('expected a boot')
    return logsOf(config.paths, boot)
  }

  /** What a crash left, then recovery by production code, then a fresh enclave loads all of it. */
  async function expectWhole(): Promise<void> {
    await store.close()
    store = openRecordStore(enclave, config.paths)
    await store.heal(session)
    const before = await enclave.call('status', {})
    expect(before.firstUnacknowledged).to.equal(before.nextRecord)
    const segments = await pathTo(config.paths, session, before.nextRecord)
    const sealed: Uint8Array<ArrayBuffer>[] = []
    for await (const record of readSealed(config.paths, {
      segments,
      claim: { head: ZERO_HASH, epoch: 1, bitmap: null },
    }))
      sealed.push(record)
    const reader = new EntryReader(config.paths)
    expect(await reader.between(session, 0, before.ledger?.logSize ?? 0)).to.have.length(before.ledger?.logSize ?? 0)
    await reader.close()
    await reload(sealed, before.ledger?.creditedWei ?? 0n)
  }

  async function reload(records: Uint8Array<ArrayBuffer>[], creditedWei: bigint): Promise<void> {
    await store.close()
    await child.stop()
    enclave.close()
    await restart()
    const { ciphertext_b64, state_ciphertext_b64 } = JSON.parse(readFileSync(config.paths.keyFile, 'utf8'))
    await enclave.call('provision', { ciphertext_b64, state_ciphertext_b64 })
    await enclave.call('load_state', { records, claimed: { head: ZERO_HASH, epoch: 1, bitmap: null } })
    const loaded = (await enclave.call('status', {})).ledger
    expect(loaded?.creditedWei).to.equal(creditedWei)
    expect(loaded?.journalSize).to.equal(lines)
  }

  async function writeSealed(record: ReleasedRecord | undefined): Promise<void> {
    const { sealed } = await logs()
    await sealed.refresh()
    await sealed.write(record?.record ?? 0, record?.sealed ?? new Uint8Array(0))
    await sealed.close()
  }

  async function writeBoth(record: ReleasedRecord | undefined): Promise<void> {
    const both = await logs()
    const { sealed, entries } = both
    await storedEnd(both)
    await sealed.write(record?.record ?? 0, record?.sealed ?? new Uint8Array(0))
    await entries.write(record?.record ?? 0, encodeEntries(record ?? { firstIndex: 0, entries: [] }))
    await sealed.close()
    await entries.close()
  }

  const faults: readonly (readonly [string, (records: readonly ReleasedRecord[]) => Promise<void>])[] = [
    ['the reply was lost', async () => undefined],
    ['it stopped after the sealed bytes and before the entries', async ([record]) => writeSealed(record)],
    [
      'the sealed bytes were torn',
      async ([record]) => {
        await writeSealed(record)
        const path = join(config.paths.sealed, `${session}.log`)
        truncateSync(path, readFileSync(path).length - 9)
      },
    ],
    [
      'the entries were torn',
      async ([record]) => {
        await writeBoth(record)
        const path = join(config.paths.auditPending, `${session}.log`)
        truncateSync(path, readFileSync(path).length - 3)
      },
    ],
    ['both were written and nothing acknowledged', async ([record]) => writeBoth(record)],
    [
      'the end of the file is noise',
      async () => appendFileSync(join(config.paths.sealed, `${session}.log`), Buffer.alloc(50, 7)),
    ],
    [
      'two processes store the same at once',
      async (records) => {
        const twin = openRecordStore(enclave, config.paths)
        await Promise.all([twin.store(session, records), store.store(session, records)])
        await twin.close()
      },
    ],
  ]
  for (const [title, fault] of faults) {
    it(`holds every record once, and a fresh enclave loads them, when ${title}`, async () => {
      await store.store(session, await apply())
      await fault(await apply())
      await expectWhole()
    })
  }

  it('fetches the records in between when it is given only the newest', async () => {
    await apply()
    await apply()
    await store.store(session, await apply())
    await expectWhole()
  })

  it('refuses records of a boot that nobody noted', async () => {
    const stranger = `0x${'5'.repeat(40)}`
    expect(await codeOfCall(store.store(stranger, await apply()))).to.equal('SEALED_STORE')
  })

  it('acknowledges nothing to the next enclave for the last one', async () => {
    const records = await apply()
    const sleeper = session
    await child.stop()
    child = await startEnclave(config, openLog({ level: 'silent', name: 'enclave' }))
    expect(await codeOfCall(store.store(sleeper, records))).to.equal('ENCLAVE_GONE')
  })

  it('refuses the calls of a dead enclave with ENCLAVE_GONE, and answers again once it is back', async () => {
    await child.stop()
    expect(await codeOfCall(enclave.call('status', {}))).to.equal('ENCLAVE_GONE')
    child = await startEnclave(config, openLog({ level: 'silent', name: 'enclave' }))
    expect((await enclave.call('status', {})).phase).to.equal('cold')
  })
})

const POLICY = {
  chainId: 31_337,
  anchor: ANCHOR,
  broker: `0x${'b2'.repeat(20)}`,
  strategy: 'ticket',
  credits: 'host-trusted',
  treasuryOwner: `0x${'c3'.repeat(20)}`,
  thresholdWei: '1',
  payoutWeiMin: '1',
  payoutWeiMax: '1000000000000000000',
  commitWeiMax: '1000000000000000000',
  payoutsPerCommitMax: 50,
  cadenceSeconds: 60,
  gasPriceWeiMax: '10000000000',
  gasMax: 16_000_000,
  signaturesPerSequenceMax: 100,
  backoffSequencesMax: 64,
  accountsMax: 100,
  ...UNGOVERNED_JSON,
}

function configure(root: string): HostConfig {
  const genesis = { policy: parsePolicy(POLICY), roster: [], openings: [], journalSize: 0, journalHead: ZERO_HASH }
  const configuration = {
    chainId: POLICY.chainId,
    anchor: ANCHOR,
    broker: POLICY.broker,
    guardian: `0x${'d4'.repeat(20)}`,
    role: 'core',
    genesisHash: genesisHash(genesis),
  }
  mkdirSync(join(root, 'keys'))
  writeFileSync(join(root, 'enclave.json'), JSON.stringify(configuration))
  return hostConfigOf(root, {
    chainId: POLICY.chainId,
    anchor: ANCHOR,
    rpcUrls: ['http://127.0.0.1:1'],
    enclaveEndpoint: `unix://${join(root, 'enclave.sock')}`,
  })
}
