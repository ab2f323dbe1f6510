import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from 'chai'
import {
  CONFIGURATIONS_MAX,
  documentPath,
  judgeAttestations,
  NOTICES_EACH_MAX,
  readTerms,
  SESSIONS_MAX,
} from '../../../auditor/attestation-files.ts'
import type { Report, Session, Terms } from '../../../auditor/attestations.ts'
import type { LogSource } from '../../../auditor/log-source.ts'
import { verifyAttestation } from '../../../enclave/protocol/attestation/verify.ts'
import type { Configuration } from '../../../enclave/protocol/configuration.ts'
import { CodedError } from '../../../enclave/protocol/errors.ts'
import { ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { verdictOf } from '../../builders/expectations.ts'
import { aLivedLedger, termsOf } from './attestations-world.ts'
import { addressOf } from './log-builder.ts'

const UNREADABLE = new Error('expected a document, got status 403')

/** Files by path; `broken` ones cannot be read. `asked` is every path in the order of the questions. */
function sourceOf(files: ReadonlyMap<string, Uint8Array>, broken: readonly string[] = []) {
  const asked: string[] = []
  const source: LogSource = {
    name: 'memory',
    read: async (path) => {
      asked.push(path)
      if (broken.includes(path)) throw new CodedError('AUDIT_STORE', UNREADABLE.message)
      return files.get(path)
    },
    list: async () => [],
  }
  return { source, asked }
}

function saidOf({ findings, notices }: Report): string[] {
  const shown = notices.map(({ code, subject }) => `notice ${code} ${subject}`)
  return [...findings.list.map(({ code, subject }) => `${code} ${subject}`), ...shown]
}

describe('auditor: documents beside the log', () => {
  const lived = aLivedLedger()
  const paths = lived.sessions.map(({ epoch, session }) => documentPath(epoch, session))
  const files = new Map(paths.map((path, at) => [path, lived.documents[at] as Uint8Array]))
  const [first, second, third] = lived.sessions.map(({ epoch, session }) => `epoch ${epoch} session ${session}`)

  it('finds each document under the epoch and the key of its session, and says how many were good', async () => {
    const { source, asked } = sourceOf(files)
    assert.deepEqual(saidOf(await judgeAttestations(source, lived.sessions, termsOf())), [
      'notice ATTESTED 3 of 3 sessions',
    ])
    assert.deepEqual(asked, paths)
    assert.equal(paths[0], `attestations/1-${addressOf(0x5001)}.cbor`)
  })

  it('names the one that is not there, and the one that stands in the place of another', async () => {
    const swapped = new Map(files).set(paths[1] as string, lived.documents[0] as Uint8Array)
    swapped.delete(paths[2] as string)
    const { source } = sourceOf(swapped)
    assert.deepEqual(saidOf(await judgeAttestations(source, lived.sessions, termsOf())), [
      `ATTESTATION_DIGEST ${second}`,
      `ATTESTATION_MISSING ${third}`,
      'notice ATTESTED 1 of 3 sessions',
    ])
    assert.deepEqual(saidOf(await judgeAttestations(source, lived.sessions, undefined)), [
      `ATTESTATION_DIGEST ${second}`,
      `notice ATTESTATION_DEVELOPMENT ${first}`,
      `notice ATTESTATION_MISSING ${third}`,
    ])
  })

  it('could not check when a document that has to be judged cannot be read', async () => {
    const { source } = sourceOf(files, [paths[1] as string])
    const error = await judgeAttestations(source, lived.sessions, termsOf()).catch((cause: unknown) => cause)
    assert.equal((error as CodedError).code, 'AUDIT_STORE')
  })

  it('goes on without documents when nobody said what they should be, and asks for no further one', async () => {
    const { source, asked } = sourceOf(files, [paths[0] as string])
    const bare = { ...(lived.sessions[1] as Session), attestationDigest: ZERO_HASH }
    const said = saidOf(await judgeAttestations(source, lived.sessions.with(1, bare), undefined))
    assert.deepEqual(said, [`notice ATTESTATION_UNREAD ${first}, and those after it`, `notice UNATTESTED ${second}`])
    assert.deepEqual(asked, [paths[0]])
  })

  it('asks for no document of a session that has none', async () => {
    const { source, asked } = sourceOf(files)
    const bare = lived.sessions.map((session) => ({ ...session, attestationDigest: ZERO_HASH }))
    assert.lengthOf((await judgeAttestations(source, bare, termsOf())).findings.list, 3)
    assert.deepEqual(asked, [])
  })

  it('looks at the newest sessions of a number that has a limit, and says so', async () => {
    const [session] = lived.sessions
    const many = Array.from({ length: SESSIONS_MAX + 1 }, (_, at) => {
      return { ...(session as Session), epoch: at + 1, attestationDigest: ZERO_HASH }
    })
    const { source } = sourceOf(files)
    const judged = async (terms?: Terms, sessions = many) => saidOf(await judgeAttestations(source, sessions, terms))
    assert.deepEqual((await judged(termsOf())).slice(0, 2), [
      `ATTESTATION_LIMIT ${first}`,
      `UNATTESTED epoch 2 session ${session?.session}`,
    ])
    const notices = await judged()
    assert.equal(notices[0], `notice ATTESTATION_LIMIT ${first}`)
    assert.equal(notices.at(-1), `notice UNATTESTED ${SESSIONS_MAX - NOTICES_EACH_MAX} more sessions`)
    assert.lengthOf(notices, 1 + NOTICES_EACH_MAX + 1)
    assert.notInclude((await judged(termsOf(), many.slice(1))).join(), 'ATTESTATION_LIMIT')
  })
})

describe('auditor: what its reader knows of the enclave', () => {
  const folder = mkdtempSync(join(tmpdir(), 'terms-'))
  after(() => rmSync(folder, { recursive: true }))

  function fileOf(name: string, value: unknown): string {
    const path = join(folder, name)
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
    return path
  }

  const image = (fill: string) => {
    const [pcr0, pcr1, pcr2] = ['a', 'b', 'c'].map((digit) => `${fill}${digit}`.repeat(48))
    return { format: 'anchorhold-measurements/1', images: [{ name: 'v1', pcr0, pcr1, pcr2 }] }
  }
  const [configuration] = aLivedLedger().configurations as [Configuration]
  const measurements = fileOf('images.json', image('1'))
  const enclaveConfig = fileOf('enclave.json', configuration)

  async function codeOf(files: Parameters<typeof readTerms>[0]): Promise<string> {
    const settled = await readTerms(files).then(
      () => () => undefined,
      (error: unknown) => () => {
        throw error
      },
    )
    return verdictOf(settled)
  }

  it('reads both files, and judges under the root of AWS', async () => {
    const terms = await readTerms({ measurements, enclaveConfigs: [enclaveConfig] })
    assert.equal(terms?.measurements[0]?.name, 'v1')
    assert.deepEqual(terms?.configurations, [configuration])
    assert.equal(terms?.verify, verifyAttestation)
    assert.isUndefined(await readTerms({}))
  })

  it('refuses a file that is none, an empty list, an image in debug mode, and a configuration alone', async () => {
    const none = join(folder, 'none.json')
    const empty = fileOf('empty.json', { format: 'anchorhold-measurements/1', images: [] })
    const debug = fileOf('debug.json', JSON.stringify(image('1')).replaceAll(/1[abc]/g, '00'))
    const twice = fileOf('twice.json', '{"format":"anchorhold-measurements/1","format":"anchorhold-measurements/1"}')
    const unknown = fileOf('unknown.json', { ...configuration, extra: 1 })
    const long = fileOf('long.json', ' '.repeat(1_048_577))
    const many = Array.from({ length: CONFIGURATIONS_MAX + 1 }, () => enclaveConfig)
    assert.equal(await codeOf({ measurements: none }), 'CONFIG_INVALID')
    assert.equal(await codeOf({ measurements: long }), 'CONFIG_INVALID')
    assert.equal(await codeOf({ measurements: empty }), 'ATTESTATION_EXPECTATION')
    assert.equal(await codeOf({ measurements: twice }), 'ATTESTATION_EXPECTATION')
    assert.equal(await codeOf({ measurements: debug }), 'ATTESTATION_DEBUG')
    assert.equal(await codeOf({ enclaveConfigs: [enclaveConfig] }), 'CONFIG_INVALID')
    assert.equal(await codeOf({ measurements, enclaveConfigs: [unknown] }), 'CONFIG_INVALID')
    assert.equal(await codeOf({ measurements, enclaveConfigs: [measurements] }), 'CONFIG_INVALID')
    assert.equal(await codeOf({ measurements, enclaveConfigs: many }), 'CONFIG_INVALID')
    assert.equal(await codeOf({ measurements, enclaveConfigs: many.slice(1) }), 'accepted')
  })
})
