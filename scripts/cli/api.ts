/** `anchorhold api`: status and attestation documents over HTTP, until a signal. */
import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { attesterOf } from '../../api/attester.ts'
import { Documents, LOOK_EVERY_MS } from '../../api/documents.ts'
import { type Listen, openApi } from '../../api/server.ts'
import { readTokens, type TokenPlaces, type Tokens } from '../../api/tokens.ts'
import { type HostConfig, loadHostConfig } from '../../host/config.ts'
import { type Context, openContext } from '../../host/context.ts'
import { type EnclaveClient, openEnclaveClient } from '../../host/enclave-client.ts'
import { type Log, openLog, shownError } from '../../host/log.ts'
import { readStatus } from '../../host/status.ts'
import { EXIT_OK, type Terminal } from './answer.ts'
import { type Flags, type Run, withData } from './command.ts'
import { dataDirOf } from './context.ts'
import { firstSignal } from './processes.ts'

const LISTEN: Listen = { host: '127.0.0.1', port: 8_081 }
const PORT_MAX = 65_535
const PROXIES_MAX = 64
const LOOPBACK = /^(127\.|\[?::1\]?$|localhost$)/

type Words = Flags & {
  readonly listen: Listen
  readonly viewerTokens?: string
  readonly adminToken?: string
  readonly trustedProxy: readonly string[]
}

export function addApi(program: Command, run: Run): void {
  withData(program.command('api').description('serve status and attestation documents over HTTP until SIGTERM'))
    .addOption(
      new Option('--listen <host:port>', 'where to listen; anything but loopback wants a proxy with TLS')
        .argParser(place)
        .default(LISTEN, `${LISTEN.host}:${LISTEN.port}`),
    )
    .option('--viewer-tokens <file>', 'tokens of viewers, one a line; or ANCHORHOLD_VIEWER_TOKENS, with commas')
    .option('--admin-token <file>', 'the token of the admin; or ANCHORHOLD_ADMIN_TOKEN')
    .addOption(
      new Option('--trusted-proxy <address>', 'a proxy whose X-Forwarded-For is believed; several times')
        .argParser(proxies)
        .default([], 'none'),
    )
    .action(async (words: Words) => {
      run.exitCode = await runApi(words, run.terminal)
    })
}

/** Refuses CONFIG_INVALID, POLICY_INVALID, TOKEN_WEAK, PORT_BUSY. */
async function runApi(words: Words, terminal: Terminal): Promise<number> {
  const tokens = await readTokens(placesOf(words, terminal))
  const config = loadHostConfig(dataDirOf(words.data, terminal), terminal.environment)
  const log = openLog({ level: config.logLevel, name: 'api' })
  const context = openContext(config, log)
  const signer = signerClient(config)
  try {
    return await serve({ words, tokens, context, signer, log })
  } finally {
    signer?.close()
    await context.close()
  }
}

type Parts = {
  readonly words: Words
  readonly tokens: Tokens
  readonly context: Context
  readonly signer: EnclaveClient | undefined
  readonly log: Log
}

async function serve({ words, tokens, context, signer, log }: Parts): Promise<number> {
  const core = documentsOf(context.enclave, log.child({ attester: 'core' }))
  const ofSigner = signer && documentsOf(signer, log.child({ attester: 'signer' }))
  const server = await openApi(
    {
      tokens,
      core,
      signer: ofSigner,
      status: () => plainStatus(context),
      statusFor: 'viewer',
      trustedProxies: words.trustedProxy,
      onFailure: (error) => log.error(shownError(error), 'a bug of ours'),
    },
    words.listen,
  )
  void core.keepLooking(LOOK_EVERY_MS)
  void ofSigner?.keepLooking(LOOK_EVERY_MS)
  log.info({ url: server.url, tokens: tokens.count, signer: signer !== undefined }, 'api listens')
  if (tokens.count === 0) log.warn('no token is given out: what needs one answers nobody')
  if (!LOOPBACK.test(words.listen.host)) log.warn('this is plain HTTP: only a proxy with TLS should reach it')
  const signal = await firstSignal()
  log.info({ signal }, 'stopping')
  await server.close()
  return EXIT_OK
}

function documentsOf(client: EnclaveClient, log: Log): Documents {
  return new Documents(attesterOf(client), {
    onTrouble: (error) => log.warn(shownError(error), 'no new attestation document'),
  })
}

function signerClient({ signerEndpoint }: HostConfig): EnclaveClient | undefined {
  return signerEndpoint === undefined ? undefined : openEnclaveClient(signerEndpoint)
}

/** Amounts as decimal text. */
async function plainStatus(context: Context): Promise<{ readonly [key: string]: unknown }> {
  const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)
  return JSON.parse(JSON.stringify(await readStatus(context), plain)) as { [key: string]: unknown }
}

function placesOf({ viewerTokens, adminToken }: Words, { environment, typedIn }: Terminal): TokenPlaces {
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(typedIn, file))
  return {
    viewersText: environment['ANCHORHOLD_VIEWER_TOKENS'],
    viewersFile: path(viewerTokens),
    adminText: environment['ANCHORHOLD_ADMIN_TOKEN'],
    adminFile: path(adminToken),
  }
}

function place(text: string): Listen {
  const parts = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text)
  const host = (parts?.[1] ?? '').replace(/^\[(.*)\]$/, '$1')
  const port = Number.parseInt(parts?.[2] ?? '', 10)
  const isHost = host !== '' && (!host.includes(':') || isIPv6(host))
  if (isHost && port <= PORT_MAX) return { host, port }
  throw new InvalidArgumentError('Expected host:port, as 127.0.0.1:8081 or [::1]:8081.')
}

function proxies(text: string, before: readonly string[]): readonly string[] {
  // A block of all addresses would let every caller name his own.
  if (text.endsWith('/0') || before.length >= PROXIES_MAX)
    throw new InvalidArgumentError(
      `Expected at most ${PROXIES_MAX} addresses or blocks of proxies, none of all addresses.`,
    )
  return [...before, text]
}
