import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { assert } from 'chai'
import { judgeAttestations } from '../../auditor/attestation-files.ts'
import { type Report, sessionsOf, type Terms } from '../../auditor/attestations.ts'
import { readBlockTimes, readChain } from '../../auditor/chain.ts'
import type { ChainFacts } from '../../auditor/chain-facts.ts'
import { openLogSource } from '../../auditor/log-source.ts'
import { main as audit, EXIT_CLEAN, EXIT_FINDINGS, EXIT_UNCHECKED } from '../../auditor/main.ts'
import { newFindings } from '../../auditor/naive/finding.ts'
import type { Ledger } from '../../auditor/naive/ledger.ts'
import { readCheckpoint, readEntries } from '../../auditor/published-log.ts'
import { newReplay, step } from '../../auditor/replay.ts'
import { readDevelopmentRoot } from '../../enclave/development/chain.ts'
import type { Measurement } from '../../enclave/protocol/attestation/measurements.ts'
import { verifyUnder } from '../../enclave/protocol/attestation/verify-under.ts'
import { parseConfiguration } from '../../enclave/protocol/configuration.ts'
import type { HostConfig } from '../../host/config.ts'
import { pinOf } from '../builders/attestation.ts'
import { imagePcrs } from '../stand-ins/kms/world.ts'
import { answerOf, type Value } from './cli-run.ts'
import { ether, kill, ROOT, startWorld, until, type World } from './pipeline-world.ts'

const WORLD_MS_MAX = 240_000
const STEP_MS_MAX = 60_000
const STAGES = ['ingest', 'prepare', 'broadcast', 'confirm'] as const
const ENCLAVE_MAIN = join(ROOT, 'enclave', 'development', 'main.ts')
const [IMAGE, OTHER_IMAGE] = [0x11, 0x31]

describe('Auditor: the documents that a host keeps of real enclaves', function () {
  this.timeout(WORLD_MS_MAX)
  const folder = mkdtempSync(join(tmpdir(), 'documents-'))
  let world: World
  let enclave: ChildProcess
  let facts: ChainFacts
  let ledger: Ledger
  let copies = 0

  before(async function () {
    this.timeout(WORLD_MS_MAX)
    world = await startWorld({ settings: { enclaveProcess: 'none' } })
    enclave = await startMeasured(world.config, folder)
    await world.start('supervisor')
    for (const name of STAGES) await world.start(name)
    await payAll('0.3')
    await kill(enclave)
    enclave = await startMeasured(world.config, folder)
    await payAll('0.6')
    await until(
      'the log of both sessions',
      async () => ((await sessionsLogged()) === 2 ? true : undefined),
      STEP_MS_MAX,
    )
  })

  after(async () => {
    if (enclave !== undefined) await kill(enclave)
    await world?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function payAll(total: string): Promise<void> {
    world.credit(1, '0.1')
    const isPaid = async () => ((await world.status())?.ledger?.paidWei === ether(total) ? true : undefined)
    await until(`${total} ether paid`, isPaid, STEP_MS_MAX)
  }

  /** Reads chain and published log, and counts the sessions that the log has. */
  async function sessionsLogged(): Promise<number> {
    const source = openLogSource(world.config.paths.audit)
    const size = (await readCheckpoint(source, newFindings()))?.checkpoint.size ?? 0
    const replay = newReplay()
    for await (const bytes of readEntries(source, size, size, newFindings())) step(replay, bytes, replay.size)
    facts = await readChain({ rpcUrl: world.chain.url, anchor: world.config.anchor, since: 0 })
    if (replay.ledger !== null) ledger = replay.ledger
    return replay.ledger?.sessions.length ?? 0
  }

  /** As a stranger types it. */
  async function told(...words: string[]): Promise<{ readonly exit: number; readonly value: Value }> {
    const said: string[] = []
    const say = (part: string) => void said.push(part)
    const { config, chain } = world
    const where = ['--rpc', chain.url, '--anchor', config.anchor, '--log', config.paths.audit]
    const exit = await audit([...where, '--journal', config.journal, '--json', ...words], { out: say, err: say })
    return { exit, value: JSON.parse(said.join('')) }
  }

  /** The root that production does not have. */
  function terms(over: Partial<Terms> = {}): Terms {
    const root = readDevelopmentRoot(join(dirname(world.config.wrappingKey), 'development-root'), randomBytes)
    const pin = pinOf(root)
    return {
      measurements: [imageOf(IMAGE)],
      configurations: [parseConfiguration(JSON.parse(readFileSync(world.config.enclaveConfig, 'utf8')))],
      verify: (document, expectation) => verifyUnder(document, expectation, pin),
      ...over,
    }
  }

  async function judged(given: Terms, place: string = world.config.paths.audit): Promise<string[]> {
    const times = await readBlockTimes(
      world.chain.url,
      facts.events.map(({ block }) => block),
    )
    return saidOf(await judgeAttestations(openLogSource(place), sessionsOf(facts, ledger, times), given))
  }

  /** A copy of the documents, changed. */
  function copyOf(change: (folder: string, names: readonly string[]) => void): string {
    const copy = join(folder, `copy-${copies++}`)
    cpSync(world.config.paths.attestations, join(copy, 'attestations'), { recursive: true })
    change(join(copy, 'attestations'), namesOf(world.config))
    return copy
  }

  it('ends clean over them without measurements, and says that they come from development machines', async () => {
    const { exit, value } = await told()
    assert.equal(exit, EXIT_CLEAN, JSON.stringify(value.findings))
    const about = value.notices.filter(({ code }: Value) => code === 'ATTESTATION_DEVELOPMENT')
    assert.deepEqual(
      about.map(({ subject }: Value) => subject.split(' ').slice(0, 2).join(' ')),
      ['epoch 1', 'epoch 2'],
    )
  })

  it('believes none of them once measurements are given, though the measurements are theirs', async () => {
    const file = measurementsFile(folder, IMAGE)
    const { exit, value } = await told('--measurements', file, '--enclave-config', world.config.enclaveConfig)
    assert.equal(exit, EXIT_FINDINGS)
    assert.deepEqual(
      value.findings.map(({ code, got }: Value) => `${code} ${got.split(':')[0]}`),
      ['ATTESTATION_REFUSED ATTESTATION_ROOT', 'ATTESTATION_REFUSED ATTESTATION_ROOT'],
    )
  })

  it('could not check with a file of measurements that is none', async () => {
    const { exit, value } = await told('--measurements', world.config.enclaveConfig)
    assert.deepEqual({ exit, code: value.code }, { exit: EXIT_UNCHECKED, code: 'ATTESTATION_EXPECTATION' })
  })

  it('passes the same words on from the command line of the operator', async () => {
    const words = ['audit', 'verify', '--data', world.dataDir]
    assert.deepInclude(await answerOf(words).then(({ code, value }) => ({ code, verdict: value.verdict })), {
      code: EXIT_CLEAN,
      verdict: 'clean',
    })
    const named = ['--measurements', measurementsFile(folder, IMAGE), '--enclave-config', world.config.enclaveConfig]
    const { code, value } = await answerOf([...words, ...named])
    assert.equal(code, EXIT_FINDINGS)
    assert.lengthOf(value.findings, 2)
    const { value: alone } = await answerOf([...words, '--enclave-config', world.config.enclaveConfig])
    assert.equal(alone.code, 'CONFIG_INVALID')
  })

  it('accepts both sessions where the root of this machine counts: bound to chain, log and configuration', async () => {
    assert.deepEqual(await judged(terms()), ['notice ATTESTED'])
  })

  it('reads them from the address of a mirror as from a folder', async () => {
    const server = await serve(world.config.paths.audit)
    try {
      const { port } = server.address() as AddressInfo
      assert.deepEqual(await judged(terms(), `http://127.0.0.1:${port}`), ['notice ATTESTED'])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('names another image and another configuration', async () => {
    const other = await judged(terms({ measurements: [imageOf(OTHER_IMAGE)] }))
    assert.deepEqual(other, ['ATTESTATION_REFUSED epoch 1', 'ATTESTATION_REFUSED epoch 2'])
    const [configuration] = terms().configurations
    if (configuration === undefined) throw new TypeError('expected a configuration')
    const configurations = [{ ...configuration, guardian: configuration.anchor }]
    assert.deepEqual(await judged(terms({ configurations })), [
      'ATTESTATION_CONFIG epoch 1',
      'ATTESTATION_CONFIG epoch 2',
    ])
  })

  it('names a document that is gone, one of another session, and one with a flipped byte', async () => {
    const gone = copyOf((place, [first]) => rmSync(join(place, first as string)))
    assert.deepEqual(await judged(terms(), gone), ['ATTESTATION_MISSING epoch 1', 'notice ATTESTED'])
    const swapped = copyOf((place, [first, second]) =>
      cpSync(join(place, first as string), join(place, second as string)),
    )
    assert.deepEqual(await judged(terms(), swapped), ['ATTESTATION_DIGEST epoch 2', 'notice ATTESTED'])
    const flipped = (at: number) =>
      copyOf((place, [first]) => {
        const path = join(place, first as string)
        const bytes = readFileSync(path)
        bytes[bytes.length + at] = (bytes.at(at) ?? 0) ^ 1
        writeFileSync(path, bytes)
      })
    assert.deepEqual(await judged(terms(), flipped(-200)), ['ATTESTATION_DIGEST epoch 1', 'notice ATTESTED'])
    assert.deepEqual(await judged(terms(), flipped(-1)), ['ATTESTATION_REFUSED epoch 1', 'notice ATTESTED'])
  })
})

function saidOf({ findings, notices }: Report): string[] {
  const found = findings.list.map(({ code, subject }) => `${code} ${subject.split(' ').slice(0, 2).join(' ')}`)
  return [...found, ...notices.map(({ code }) => `notice ${code}`)]
}

/** By epoch. */
function namesOf({ paths }: HostConfig): readonly string[] {
  return readdirSync(paths.attestations).sort((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10))
}

function hexOf(fill: number, index: number): string {
  return Buffer.from(imagePcrs(fill).get(index) ?? []).toString('hex')
}

function imageOf(fill: number): Measurement {
  const [pcr0, pcr1, pcr2] = [0, 1, 2].map((index) => imagePcrs(fill).get(index) as Uint8Array)
  return { name: `image ${fill}`, pcr0, pcr1, pcr2 } as Measurement
}

/** As a release publishes it. */
function measurementsFile(folder: string, fill: number): string {
  const path = join(folder, `allowed-${fill}.json`)
  const [pcr0, pcr1, pcr2] = [0, 1, 2].map((index) => hexOf(fill, index))
  const images = [{ name: `image ${fill}`, pcr0, pcr1, pcr2 }]
  writeFileSync(path, JSON.stringify({ format: 'anchorhold-measurements/1', images }))
  return path
}

/** An enclave process of this ledger that says it is the image: the host waits for it and configures it. */
async function startMeasured({ enclaveEndpoint, wrappingKey }: HostConfig, folder: string): Promise<ChildProcess> {
  const measured = join(folder, 'image.json')
  writeFileSync(
    measured,
    JSON.stringify({ pcr0: hexOf(IMAGE, 0), pcr1: hexOf(IMAGE, 1), pcr2: hexOf(IMAGE, 2), pcr3: hexOf(IMAGE, 3) }),
  )
  const root = join(dirname(wrappingKey), 'development-root')
  const words = ['--listen', enclaveEndpoint, '--wrapping-key', wrappingKey, '--nsm-root', root, '--with-parent']
  const child = spawn(process.execPath, [ENCLAVE_MAIN, ...words, '--measurements', measured], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit').then(() => {
    throw new Error('the enclave ended before it was ready')
  })
  await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])
  ended.catch(() => undefined)
  return child
}

/** The folder as static files. */
async function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    try {
      response.end(readFileSync(join(folder, request.url ?? '')))
    } catch {
      response.writeHead(404).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
