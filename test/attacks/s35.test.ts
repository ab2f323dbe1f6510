import { strict as assert } from 'node:assert'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { FastifyInstance } from 'fastify'
import { attesterOf } from '../../api/attester.ts'
import { Documents, NONCE_CALLS_MAX } from '../../api/documents.ts'
import { NONCES_PER_BATCH_MAX } from '../../api/nonce-batch.ts'
import { buildApi } from '../../api/server.ts'
import { tokensOf } from '../../api/tokens.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import type { Boot } from './boot.ts'
import { type Recorder, recordCalls } from './recorder.ts'
import { useStage } from './use-stage.ts'

const REQUESTS = 10_000
const DOCUMENT = '/api/tee/core/attestation'
/** Over five thousand requests: a row for each in a table of addresses would be more. */
const GROWTH_BYTES_MAX = 1_048_576
const MINUTE_MS = 60_000
const TURNS = 4

describe('S35: strangers who keep the enclave busy', () => {
  const stage = useStage()
  let boot: Boot
  let recorder: Recorder
  let client: EnclaveClient
  let documents: Documents
  let app: FastifyInstance
  let nowMs = 0

  beforeEach(async () => {
    nowMs = Date.now()
    boot = await stage().active()
    recorder = await recordCalls(boot.endpoint)
    client = openEnclaveClient(recorder.endpoint)
    documents = new Documents(attesterOf(client), { now: () => nowMs })
    app = await buildApi({
      tokens: tokensOf({ viewers: [], admins: [] }),
      core: documents,
      signer: undefined,
      status: async () => ({}),
      statusFor: 'viewer',
      trustedProxies: [],
      onFailure: () => undefined,
    })
    await documents.look()
  })

  afterEach(async () => {
    await app.close()
    client.close()
    await recorder.close()
  })

  /** Each from an address of its own: he has more than the table of addresses has rows. */
  async function ask(number: number, query = '', path = DOCUMENT): Promise<number> {
    const remoteAddress = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
    return (await app.inject({ url: `${path}${query}`, remoteAddress })).statusCode
  }

  it('cause no call by ten thousand requests, and the api does not grow by them', async () => {
    const before = [recorder.calls('status'), recorder.calls('attestation')]
    assert.deepEqual(before, [1, 1])
    let halfwayBytes = 0
    for (let number = 0; number < REQUESTS; number++) {
      assert.equal(await ask(number), 200)
      if (number === REQUESTS / 2) halfwayBytes = await heapBytes()
    }
    const grownBytes = (await heapBytes()) - halfwayBytes
    assert.deepEqual([recorder.calls('status'), recorder.calls('attestation')], before)
    assert(grownBytes < GROWTH_BYTES_MAX, `expected no growth, got ${grownBytes} bytes`)
  })

  it('get documents for nonces of their own out of a budget, and the ledger goes on beside them', async () => {
    const nonces = Array.from({ length: 1_000 }, (_, number) => `?nonce=0x${number.toString(16).padStart(32, '0')}`)
    const answers = await Promise.all(nonces.map((query, number) => ask(number, query)))
    assert.equal(recorder.calls('attestation'), 1 + NONCE_CALLS_MAX)
    assert.equal(answers.filter((status) => status === 200).length, NONCE_CALLS_MAX)
    assert.equal(answers.filter((status) => status === 429).length, nonces.length - NONCE_CALLS_MAX)
    // The lucky ones may ask again, and cost nothing.
    for (const [number, query] of nonces.entries())
      if (answers[number] === 200) assert.equal(await ask(20_000 + number, query), 200)
    await boot.credit('1', 'orch-0')
    nowMs += MINUTE_MS
    assert.equal(await ask(30_000, '?nonce=0xff'), 200)
    assert.equal(recorder.calls('attestation'), 2 + NONCE_CALLS_MAX)
  })

  it('share one document where they share an interval, however many they are', async () => {
    const batch = (number: number) => ask(number, `?nonce=0x${(number + 4_096).toString(16)}`, `${DOCUMENT}/batch`)
    const answers = await Promise.all(Array.from({ length: NONCES_PER_BATCH_MAX + 50 }, (_, number) => batch(number)))
    assert.equal(answers.filter((status) => status === 200).length, NONCES_PER_BATCH_MAX)
    assert.equal(recorder.calls('attestation'), 2)
  })
})

/** What lives on. Answers of a loop that never yields are let go on later turns. */
async function heapBytes(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let turn = 0; turn < TURNS; turn++) {
    await nextTurn()
    collect()
  }
  return process.memoryUsage().heapUsed
}
