import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createPublicClient, http } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import type { UserData } from '../../enclave/protocol/attestation/user-data.ts'
import type { Hash } from '../../enclave/protocol/ids.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import { demandOpened, readNow } from '../../scripts/cli/attest/chain.ts'
import { useStage } from '../attacks/use-stage.ts'
import { type GenuineFile, readGenuine } from '../builders/genuine-documents.ts'
import { describeWithShared } from '../builders/shared-data.ts'
import { anchorhold, typed } from './cli-run.ts'

const TEST_MS_MAX = 180_000
const VECTOR = join(import.meta.dirname, '..', 'vectors', 'attestation-development.json')
const development = JSON.parse(readFileSync(VECTOR, 'utf8'))

let folder = ''
const inFolder = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const asJson = (name: string, value: unknown): string => inFolder(name, JSON.stringify(value))

async function verdictOf(words: readonly string[]) {
  const { code, out, err } = await typed(['attest', 'verify', ...words, '--json'])
  expect(err).to.equal('')
  return { code, value: JSON.parse(out) }
}

describe('The command line of attestation', function () {
  this.timeout(TEST_MS_MAX)
  const asked: string[] = []
  let server: Server
  let answer: (nonce: string) => [status: number, body: string] = () => [500, '']
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/tee/core/attestation`
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'attest-'))
    server = createServer((request, response) => {
      const nonce = new URL(request.url ?? '', 'http://host').searchParams.get('nonce') ?? ''
      asked.push(nonce)
      const [status, body] = answer(nonce)
      response.writeHead(status, { connection: 'close' }).end(body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(async () => {
    rmSync(folder, { recursive: true })
    await new Promise((done) => server.close(done))
  })

  describe('without a genuine document', () => {
    it('shows what one says as UNVERIFIED, with what it would bind', async () => {
      const { code, out } = await anchorhold(['attest', 'show', VECTOR])
      expect([code, out.startsWith('UNVERIFIED')]).to.deep.equal([0, true])
      const { out: line } = await typed(['attest', 'show', VECTOR, '--json'])
      const value = JSON.parse(line)
      expect(value.verified).to.equal(false)
      expect(value.bound).to.deep.equal(development.userData)
      expect(value.certificates).to.have.lengthOf(5)
    })

    it('refuses one of a development machine at the root, and shows no field of it', async () => {
      const measurements = asJson('development.json', development.measurements)
      for (const mode of [[], ['--archived'], ['--allow-debug']]) {
        const { code, value } = await verdictOf(['--document', VECTOR, '--measurements', measurements, ...mode])
        expect([code, value.verdict, value.code]).to.deep.equal([1, 'fail', 'ATTESTATION_ROOT'])
        expect(value.document).to.equal(undefined)
        const verdicts = value.checks.map(({ verdict }: { verdict: string }) => verdict)
        expect(verdicts.slice(0, 6)).to.deep.equal(['ok', 'ok', 'ok', 'ok', 'FAIL', 'not reached'])
      }
    })

    it('refuses a list of measurements that decides nothing, and words that contradict each other', async () => {
      const good = asJson('development.json', development.measurements)
      const empty = asJson('empty.json', { format: 'anchorhold-measurements/1', images: [] })
      const refusals = [
        [['--document', VECTOR, '--measurements', empty], 'ATTESTATION_EXPECTATION'],
        [['--document', VECTOR, '--measurements', VECTOR], 'ATTESTATION_EXPECTATION'],
        [['--measurements', good], 'CONFIG_INVALID'],
        [['--document', VECTOR, '--url', 'http://127.0.0.1:9', '--measurements', good], 'CONFIG_INVALID'],
        [['--document', VECTOR, '--measurements', good, '--nonce', 'auto'], 'CONFIG_INVALID'],
        [['--document', VECTOR, '--measurements', good, '--nonce', '0x00'], 'ATTESTATION_EXPECTATION'],
        [['--document', VECTOR, '--measurements', good, '--archived', '--at', '2026-01-01'], 'CONFIG_INVALID'],
        [['--document', VECTOR, '--measurements', good, '--rpc', 'http://127.0.0.1:9'], 'CONFIG_INVALID'],
        [['--document', join(folder, 'none'), '--measurements', good], 'CONFIG_INVALID'],
        [['--url', 'http://127.0.0.1:9', '--measurements', good], 'ATTESTATION_FETCH'],
      ] as const
      for (const [words, expected] of refusals) {
        const { code, value } = await verdictOf(words)
        expect([code, value.code], words.join(' ')).to.deep.equal([1, expected])
      }
      expect((await typed(['attest', 'verify', '--document', VECTOR])).code).to.equal(2)
    })
  })

  describe('with an api', () => {
    it('asks with a nonce of its own, another one each time, and judges what comes', async () => {
      answer = () => [200, JSON.stringify({ document_b64: development.document_b64 })]
      const measurements = asJson('development.json', development.measurements)
      for (let count = 0; count < 2; count++) {
        const words = ['--url', url(), '--nonce', 'auto', '--measurements', measurements]
        expect((await verdictOf(words)).value.code).to.equal('ATTESTATION_ROOT')
      }
      expect(asked.filter((nonce) => /^0x[0-9a-f]{64}$/.test(nonce))).to.have.lengthOf(2)
      expect(new Set(asked).size).to.equal(2)
    })

    it('refuses an answer without a document, too long a one, and a proof that is none', async () => {
      const measurements = asJson('development.json', development.measurements)
      const document_b64 = development.document_b64
      for (const [status, body] of [
        [404, '{"code":"SIGNER_NONE"}'],
        [200, '{}'],
        [200, '[]'],
        [200, 'no json'],
        [200, JSON.stringify({ document_b64: 'not base64!' })],
        [200, JSON.stringify({ document_b64, more: 'x'.repeat(300_000) })],
        [200, JSON.stringify({ document_b64, tree_size: 2, leaf_index: 0, proof: ['zz'] })],
      ] as const) {
        answer = () => [status, body]
        const { code, value } = await verdictOf(['--url', url(), '--nonce', 'auto', '--measurements', measurements])
        expect([code, value.code], body.slice(0, 60)).to.deep.equal([1, 'ATTESTATION_FETCH'])
      }
    })
  })

  describeWithShared('with documents that AWS signed', 'attestation', (shared) => {
    const files = readGenuine(shared)
    const find = (name: string): GenuineFile => {
      const found = files.find(({ file }) => file.includes(name))
      if (found === undefined) throw new Error(`expected ${name}`)
      return found
    }
    const measuring = ({ file, measurement }: GenuineFile): string => {
      const pcrs = Object.entries(measurement).map(([key, pcr]) => [key, toHex(pcr as Uint8Array).slice(2)])
      return asJson(`${file.replaceAll('/', '-')}.json`, {
        format: 'anchorhold-measurements/1',
        images: [{ name: 'genuine', ...Object.fromEntries(pcrs) }],
      })
    }

    it('accepts one as archived, says what it did not look at, and refuses it as live', async () => {
      const entry = find('brave-nitriding')
      const words = ['--document', inFolder('d.cbor', entry.bytes), '--measurements', measuring(entry)]
      const { code, value } = await verdictOf([
        ...words,
        '--archived',
        '--check-instance',
        '--nonce',
        `0x${entry.nonce}`,
      ])
      expect([code, value.verdict, value.mode]).to.deep.equal([0, 'ok', 'archived'])
      expect(value.document.moduleId).to.equal(entry.moduleId)
      const unlooked = value.checks.filter(({ verdict }: { verdict: string }) => verdict !== 'ok')
      expect(unlooked.map(({ name }: { name: string }) => name)).to.deep.equal(['binding'])
      expect((await verdictOf(words)).value.code).to.equal('ATTESTATION_EXPIRED')
    })

    it('refuses one whose nonce is no root over the nonce that was asked for', async () => {
      const entry = find('qos-mock')
      const document_b64 = Buffer.from(entry.bytes).toString('base64')
      answer = () => [200, JSON.stringify({ document_b64, leaf_index: 0, tree_size: 1, proof: [] })]
      const words = ['--archived', '--url', url(), '--nonce', 'auto', '--measurements', measuring(entry)]
      expect((await verdictOf(words)).value.code).to.equal('ATTESTATION_NONCE')
    })

    it('judges one as of its own day where it is told to, from base64 too', async () => {
      const entry = find('nautilus')
      const document = inFolder('d.b64', Buffer.from(entry.bytes).toString('base64'))
      const words = ['--document', document, '--measurements', measuring(entry), '--at']
      expect((await verdictOf([...words, `${entry.timestampMs + 1_000}`])).value.mode).to.equal('live')
      const late = new Date(entry.timestampMs + 400_000).toISOString()
      expect((await verdictOf([...words, late])).value.code).to.equal('ATTESTATION_STALE')
      expect((await verdictOf([...words, late, '--max-age-seconds', '401'])).code).to.equal(0)
      expect((await verdictOf([...words, `${entry.timestampMs - 31_000}`])).value.code).to.equal('ATTESTATION_FUTURE')
    })

    it('refuses another nonce, another image, debug mode, a revoked certificate and another ledger', async () => {
      const entry = find('brave-nitriding')
      const debug = find('evervault-beta-debug')
      const document = inFolder('d.cbor', entry.bytes)
      const shown = JSON.parse((await typed(['attest', 'show', document, '--json'])).out)
      const revoked = asJson('revoked.json', {
        format: 'anchorhold-revoked/1',
        certificates: [{ issuer: shown.certificates[3].issuer, serial: shown.certificates[3].serial }],
      })
      const ledger = asJson('binding.json', { format: 'anchorhold-binding/1', chainId: 42_161 })
      const archived = ['--archived', '--document', document, '--measurements']
      const judged = [
        [[...archived, measuring(find('nautilus'))], 'ATTESTATION_MEASUREMENT'],
        [[...archived, measuring(entry), '--nonce', toHex(randomBytes(32))], 'ATTESTATION_NONCE'],
        [[...archived, measuring(entry), '--revoked', revoked], 'ATTESTATION_REVOKED'],
        [[...archived, measuring(entry), '--expect', ledger], 'ATTESTATION_BINDING'],
        [
          ['--archived', '--document', inFolder('debug.cbor', debug.bytes), '--measurements', measuring(debug)],
          'ATTESTATION_DEBUG',
        ],
      ] as const
      for (const [words, expected] of judged) expect((await verdictOf(words)).value.code).to.equal(expected)
      const debugWords = ['--archived', '--document', join(folder, 'debug.cbor'), '--measurements', measuring(debug)]
      const allowed = await verdictOf([...debugWords, '--allow-debug'])
      expect([allowed.code, allowed.value.document.debug]).to.deep.equal([0, true])
    })
  })
})

describe('What the anchor says of a document', () => {
  const stage = useStage()

  it('is its chain, head, epoch, session and authority, as they are now', async () => {
    const boot = await stage().active()
    const place = { rpcUrl: stage().node.url, anchor: stage().anchor }
    const status = await boot.call('status', {})
    const now = await readNow(place)
    expect(now.anchor).to.equal(stage().anchor)
    expect(now.epoch).to.equal(1)
    expect(now.session).to.equal(status.session)
    expect(now.authority).to.equal(status.address)
  })

  it('names the document of each session by digest, epoch, head and key, and no other', async () => {
    await stage().active()
    const place = { rpcUrl: stage().node.url, anchor: stage().anchor }
    const { chainId, epoch, session } = await readNow(place)
    const client = createPublicClient({ transport: http(place.rpcUrl) })
    const filter = { address: place.anchor, abi: ANCHOR_ABI, eventName: 'SessionOpened', fromBlock: 0n } as const
    const [opened] = await client.getContractEvents({ ...filter, strict: true })
    if (opened === undefined) throw new Error('expected a session')
    const digest = opened.args.attestationDigest as Hash
    const bound = { chainId, anchor: place.anchor, epoch, session, head: opened.args.head } as unknown as UserData
    expect(await demandOpened(place, bound, digest, 0n)).to.be.greaterThan(0)
    const others: readonly [UserData, Hash][] = [
      [{ ...bound, chainId: 1 }, digest],
      [{ ...bound, anchor: session as never }, digest],
      [{ ...bound, epoch: 2 }, digest],
      [{ ...bound, epoch: null }, digest],
      [{ ...bound, session: stage().anchor }, digest],
      [{ ...bound, head: `0x${'11'.repeat(32)}` as Hash }, digest],
      [bound, `0x${'11'.repeat(32)}` as Hash],
    ]
    for (const [other, named] of others) {
      const verdict = await demandOpened(place, other, named, 0n).catch(({ code }) => code)
      expect(verdict).to.equal('ATTESTATION_BINDING')
    }
  })
})
