/** What fuzzing found on 2026-11-21 and 22, each as the shortest input that brought it on. */
import { createHash } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { main as auditorMain } from '../../auditor/main.ts'
import { type ErrorCode, isCoded } from '../../enclave/protocol/errors.ts'
import { encodeFrame, encodeMessage } from '../../enclave/protocol/frame.ts'
import { openAuditLog } from '../../host/audit-log.ts'
import { readKeyFile } from '../../host/boot.ts'
import { pathTo, writeBoot } from '../../host/boot-records.ts'
import { openChain } from '../../host/chain.ts'
import { openControl } from '../../host/control.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { parseResult } from '../../host/enclave-results.ts'
import { fetchWithin } from '../../host/endpoints.ts'
import { openOutbox } from '../../host/outbox.ts'
import { pathsOf } from '../../host/paths.ts'
import { openDoorbell } from '../../queues/doorbell.ts'
import { parseDrainJob } from '../../queues/jobs.ts'
import { newAct, readAct } from '../../scripts/cli/acts/file.ts'
import { runCli } from '../../scripts/cli/program.ts'
import { connectHybrid } from '../../scripts/guest/hybrid.ts'
import { addressOf, changed, hashOf, LogBuilder } from '../unit/auditor/log-builder.ts'
import { replayOf } from '../unit/auditor/log-judge.ts'
import { bytesOf } from './engine/target.ts'
import { aFile, aFolder, removeFiles } from './parsers/files.ts'
import { EVERY, type Liar, METHODS_ASKED, openLiar } from './parsers/liar.ts'
import { CHAIN_ID } from './parsers/rpc-honest.ts'
import { type Said, saying } from './parsers/terminal.ts'

async function refused(attempt: () => unknown): Promise<ErrorCode | 'accepted'> {
  try {
    await attempt()
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  }
  return 'accepted'
}

describe('found by fuzzing: files and jobs', () => {
  after(removeFiles)

  it('refuses a job that nests twenty thousand levels with the code of every other bad job', async () => {
    const job: unknown = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000))
    expect(await refused(() => parseDrainJob(job))).to.equal('JOB_INVALID')
  })

  it('refuses half a key file, half a stop flag and half a size with a code', async () => {
    const paths = pathsOf(aFolder())
    aFile('keys/keys.json', '{"address":"0x')
    aFile('control/stop-ingest.json', '{"stage":"ing')
    aFile('audit/size.json', '{}')
    expect(await refused(() => readKeyFile(paths.keyFile))).to.equal('CONFIG_INVALID')
    expect(await refused(() => openControl(paths).flags())).to.equal('CONFIG_INVALID')
    expect(await refused(() => openAuditLog(paths).published())).to.equal('AUDIT_STORE')
  })

  it('refuses an outbox line whose checksum fits and which is no JSON', async () => {
    const checksum = createHash('sha256').update('{').digest('hex').slice(0, 16)
    aFile(join('outbox', '000000000000001-000000000000001.log'), `\n${checksum} {\n`)
    const outbox = openOutbox(pathsOf(aFolder()))
    expect(await refused(() => outbox.read({ epoch: 1, sequence: 1 }))).to.equal('OUTBOX_BROKEN')
  })

  // Read a hundred thousand times, as before, it would take longer than a test may.
  it('refuses notes of boots that lead in a circle when it comes round for the first time', async () => {
    const paths = pathsOf(aFolder())
    const [first, second] = [addressOf(1), addressOf(2)]
    await writeBoot(paths, { session: first, parent: { session: second, end: 1 }, epoch: 1, atMs: 1 })
    await writeBoot(paths, { session: second, parent: { session: first, end: 1 }, epoch: 2, atMs: 2 })
    expect(await refused(() => pathTo(paths, first, 2))).to.equal('SEALED_STORE')
  })

  it('refuses an enclave at a port that is none, and an answer of bytes where a map belongs', async () => {
    expect(await refused(() => openEnclaveClient('tcp://127.0.0.1:65536'))).to.equal('CONFIG_INVALID')
    expect(await refused(() => parseResult('status', new Uint8Array(20)))).to.equal('ENCLAVE_ANSWER')
  })

  it('gives a ring up where no Redis listens', async () => {
    const errors: Error[] = []
    const doorbell = openDoorbell({ url: 'redis://127.0.0.1:9', shard: 0, onError: (error) => errors.push(error) })
    expect(await doorbell.ring('ingest')).to.equal(false)
    await doorbell.close()
    expect(errors).to.not.deep.equal([])
  })
})

describe('found by fuzzing: the auditor', () => {
  it('objects to a journal credit that stands between two openings', () => {
    const { entries } = new LogBuilder({
      openings: [{ id: 'orch-b', wei: 5_000n as never, recipient: addressOf(0x22) }],
    }).lineOf('orch-a', '0.5')
    const early = [0, 3].map((index) => entries[index] as Uint8Array)
    const log = changed(early, 1, (entry) => ({ ...entry, i: 1, body: { ...entry.body, account: 1 } }))
    expect(replayOf(log).findings.list.map(({ code }) => code)).to.deep.equal(['ENTRY_ORDER'])
  })
})

describe('found by fuzzing: papers of others', () => {
  after(removeFiles)

  const POLICY = hashOf(7)
  const LEDGER = { chainId: 42_161, anchor: addressOf(0xa1) }
  const REGISTER = { recipient: addressOf(5), regSeq: 1, notAfter: 1_900_000_000 }

  function anActFile(orchestratorId: string): string {
    return aFile('act.json', JSON.stringify(newAct('register', LEDGER, { ...REGISTER, orchestratorId })))
  }

  async function said(words: readonly string[]): Promise<Said & { code: number }> {
    const told: Said = { out: '', err: '' }
    return { code: await runCli(words, saying(told, aFolder())), ...told }
  }

  it('shows a signer no character of an act that would steer his terminal, and means the same by what it shows', async () => {
    const id = 'orch\u202e\u001b[2J\u009b\u007f'
    const { code, out } = await said(['admin', 'sign', anActFile(id), '--json'])
    expect(code).to.equal(0)
    expect(['\u202e', '\u001b', '\u009b', '\u007f'].filter((sign) => out.includes(sign))).to.deep.equal([])
    const [words] = (JSON.parse(out) as { words: string[] }).words
    expect(words).to.contain(JSON.stringify(id))
  })

  it('shows an auditor no character of a statement that would steer his terminal', async () => {
    const told: Said = { out: '', err: '' }
    const path = aFile('statement.json', '{"header":1,"\\u202eNAELC\\u009b":1}')
    const words = ['balance', path, '--anchor', LEDGER.anchor, '--id', 'x', '--chain-id', '1', '--next', POLICY]
    expect(await auditorMain(words, saying(told, aFolder()))).to.equal(2)
    expect(told.err).to.contain('PARAMS_INVALID').and.contain('\\u202eNAELC\\u009b')
  })

  it('refuses an act and a statement with a key that stands there twice, of which another reader may take the first', async () => {
    const path = anActFile('orch-0')
    expect(await refused(() => readAct(path))).to.equal('accepted')
    const twice = readFileSync(path, 'utf8').replace('"message":', '"message":{},"message":')
    expect(JSON.parse(twice)).to.deep.equal(JSON.parse(readFileSync(path, 'utf8')))
    expect(await refused(() => readAct(aFile('act.json', twice)))).to.equal('ACT_INVALID')
    const statement = aFile('statement.json', '{"header":1,"header":1}')
    const offline = ['--anchor', LEDGER.anchor, '--chain-id', '1', '--next', POLICY, '--json']
    expect((await said(['verify-balance', statement, ...offline])).out).to.contain('STATEMENT_INVALID')
  })

  it('reads no more of a file without an end than an act may have', async () => {
    expect(await refused(() => readAct('/dev/zero'))).to.equal('ACT_INVALID')
  })
})

describe('found by fuzzing: another program in the place of the enclave', () => {
  it('settles a call whose refusal has a map for its code, instead of leaving it open for ever', async () => {
    const message = encodeMessage({ error: { code: { toString: 1 } } }, 'cbor')
    const server = createSocketServer((socket) => void socket.once('data', () => socket.write(encodeFrame(message))))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
    const client = openEnclaveClient(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`)
    expect(await refused(() => client.call('halt', { reason: 'r' }))).to.equal('ENCLAVE_ANSWER')
    client.close()
    await new Promise((done) => server.close(done))
  })

  // Its own limit is half a minute: longer than a test may take.
  it('gives a device of a guest up as soon as it hangs up without a word', async () => {
    const path = aFile('device', '')
    rmSync(path)
    const server = createSocketServer((socket) => void socket.resume().end())
    await new Promise<void>((done) => server.listen({ path }, () => done()))
    const said = await connectHybrid(path, 5_000).catch((error: Error) => error.message)
    expect(said).to.equal('the guest has no listener there')
    await new Promise((done) => server.close(done))
    removeFiles()
  })
})

describe('found by fuzzing: an endpoint that lies', () => {
  let liar: Liar
  let slow: Server
  before(async () => {
    liar = await openLiar()
    // Headers and the first byte of a body, and then nothing more.
    slow = createServer((_, response) => response.writeHead(200).write('{'))
    await new Promise<void>((done) => slow.listen(0, '127.0.0.1', () => done()))
  })
  after(async () => {
    await liar.close()
    slow.closeAllConnections()
    await new Promise((done) => slow.close(done))
  })

  function chain() {
    const options = { rpcUrls: [liar.url], chainId: CHAIN_ID, anchor: addressOf(0xa1), finality: 'finalized' } as const
    return openChain(options)
  }

  function tell(method: (typeof METHODS_ASKED)[number], result: string): void {
    liar.tell([{ method: METHODS_ASKED.indexOf(method), nth: EVERY, how: 0, what: bytesOf(result) }])
  }

  it('is refused for a balance that no u128 holds, and for logs that are no list', async () => {
    tell('eth_getBalance', `"0x1${'0'.repeat(32)}"`)
    expect(await refused(() => chain().facts(addressOf(1)))).to.equal('RPC_FAILED')
    tell('eth_getLogs', '{}')
    expect(await refused(() => chain().landingOf(1))).to.equal('RPC_FAILED')
  })

  it('is refused for a nonce and a round that no message can carry', async () => {
    tell('eth_getTransactionCount', `"0x${'f'.repeat(20)}"`)
    expect(await refused(() => chain().facts(addressOf(1)))).to.equal('RPC_FAILED')
    tell('eth_call', `"0x${'f'.repeat(64)}"`)
    expect(await refused(() => chain().round())).to.equal('RPC_FAILED')
  })

  it('is not waited for when it stops in the middle of an answer', async () => {
    const { port } = slow.address() as AddressInfo
    const response = await fetchWithin(200)(`http://127.0.0.1:${port}`)
    const read = await response.text().catch((error: Error) => error.name)
    expect(read).to.equal('TimeoutError')
  })
})
