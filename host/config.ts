/** The host's settings: DATA/host.json, then the environment on top. Parsed once, then believed. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { type Address, toAddress } from '../enclave/protocol/ids.ts'
import { SHARDS_MAX } from '../queues/jobs.ts'
import { STALLED_INTERVAL_MS } from '../queues/options.ts'
import { readEnclaveEndpoint } from './enclave-endpoint.ts'
import { type DataPaths, inData, pathsOf } from './paths.ts'

export const RPC_URLS_MAX = 8
/** Settlement waits for this many blocks on Arbitrum: a reorg that deep has not been seen. */
export const SETTLE_DEPTH_BLOCKS = 20
/** Of one paying commit: above it a batch of first-time recipients passes the gas of a transaction (EIP-7825). */
export const PAYOUTS_PER_COMMIT_MAX = 50
/** Sixty ticks: no honest stage misses them all, and one look takes at most a few timeouts of an endpoint. */
export const LIVENESS_MS = 60_000
/** The port that the original runbook gave to vsock-proxy. */
const KMS_PROXY_PORT = 8_000
const PORT_MAX = 65_535
const RESTART_WORDS_MAX = 64

const address = z.string().transform((text, context): Address => {
  const known = toAddress(text)
  if (known !== undefined) return known
  context.addIssue('expected an address: 0x and 40 hex digits')
  return z.NEVER
})
const ENDPOINT_FORMS = 'expected unix:///path, tcp://host:port or vsock://cid:port'
const endpoint = z.string().refine((text) => readEnclaveEndpoint(text) !== undefined, ENDPOINT_FORMS)
const finality = z.union([z.literal('finalized'), z.strictObject({ depthBlocks: z.int().min(0).max(100_000) })])
const spanMs = z.int().min(0).max(31_536_000_000)

export const HostSettings = z.strictObject({
  shard: z
    .int()
    .min(0)
    .max(SHARDS_MAX - 1)
    .default(0),
  chainId: z.int().positive(),
  anchor: address,
  /** In order of preference. One operation uses one of them from start to end. */
  rpcUrls: z.array(z.url()).min(1).max(RPC_URLS_MAX),
  redisUrl: z.string().default('redis://127.0.0.1:6379'),
  enclaveEndpoint: endpoint,
  /** The signer, where one runs beside the ledger: the api asks it for its address and documents, nothing else. */
  signerEndpoint: endpoint.optional(),
  /** `ours` starts a development enclave as a child; `none` speaks to one that the operator started, as nitro-cli does. */
  enclaveProcess: z.enum(['ours', 'none']).default('ours'),
  /** The words that start the operator's enclave anew, run where it has halted or gone; without them that is only said. */
  enclaveRestart: z.array(z.string().min(1)).max(RESTART_WORDS_MAX).default([]),
  /** Where the parent's vsock-proxy carries bytes to KMS. */
  kmsProxyPort: z.int().min(1).max(PORT_MAX).default(KMS_PROXY_PORT),
  enclaveConfig: z.string().default('enclave.json'),
  wrappingKey: z.string().default('keys/wrapping.key'),
  genesis: z.string().default('genesis.json'),
  journal: z.string().default('journal/ledger-events.log'),
  /** Asks the enclave for a receipt of each applied line; they are kept in DATA/receipts. */
  receipts: z.boolean().default(false),
  settleDepthBlocks: z.int().min(0).max(100_000).default(SETTLE_DEPTH_BLOCKS),
  finality: finality.default('finalized'),
  /** The anchor's own block: its events are looked for from there on. */
  fromBlock: z.int().min(0).default(0),
  /** A paying commit is prepared when this long has passed since the last one, or when payoutsMin accounts are due. */
  payoutIntervalMs: spanMs.default(60_000),
  payoutsMin: z.int().min(1).max(PAYOUTS_PER_COMMIT_MAX).default(PAYOUTS_PER_COMMIT_MAX),
  /** Headroom of maxFeePerGas over the base fee; 20,000 is twice the base fee. */
  feeBps: z.int().min(10_000).max(100_000).default(20_000),
  /** The same bytes go out again after this long without landing. */
  resendMs: spanMs.default(2_000),
  /** The same commit is signed again with a higher fee after this long without landing. */
  bumpMs: spanMs.default(30_000),
  /** A stage that died with a job in hand is replaced after at most three of these. */
  stalledIntervalMs: z.int().min(500).max(600_000).default(STALLED_INTERVAL_MS),
  /** A stage that has consumed no job for this long ends its process, with exit code 1. */
  livenessMs: z.int().min(2_000).max(3_600_000).default(LIVENESS_MS),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
})
export type HostSettings = z.infer<typeof HostSettings>

/** Settings with every path absolute. */
export type HostConfig = HostSettings & { readonly paths: DataPaths }

/** What this process was started with, for those who read it under names that are not ours. */
export function ownEnvironment(): Environment {
  return process.env
}

type Environment = { readonly [name: string]: string | undefined }

/** Reads DATA/host.json and the environment. Refuses CONFIG_INVALID with the field. */
export function loadHostConfig(dataDir: string, environment: Environment = process.env): HostConfig {
  const root = resolve(dataDir)
  return hostConfigOf(root, { ...readSettings(pathsOf(root).config), ...fromEnvironment(environment) })
}

/** Checks settings that come from elsewhere, as from a test or `npm start`. Refuses CONFIG_INVALID. */
export function hostConfigOf(dataDir: string, settings: unknown): HostConfig {
  const parsed = HostSettings.safeParse(settings)
  if (!parsed.success) throw new CodedError('CONFIG_INVALID', `host settings: ${z.prettifyError(parsed.error)}`)
  const root = resolve(dataDir)
  const { enclaveConfig, wrappingKey, genesis, journal, ...rest } = parsed.data
  return {
    ...rest,
    enclaveConfig: inData(root, enclaveConfig),
    wrappingKey: inData(root, wrappingKey),
    genesis: inData(root, genesis),
    journal: inData(root, journal),
    paths: pathsOf(root),
  }
}

/** Environment names and the settings they replace. */
export const ENVIRONMENT: {
  readonly [name: string]: { readonly key: keyof HostSettings; readonly kind: 'text' | 'number' | 'list' }
} = {
  ANCHORHOLD_RPC_URLS: { key: 'rpcUrls', kind: 'list' },
  ANCHORHOLD_CHAIN_ID: { key: 'chainId', kind: 'number' },
  ANCHORHOLD_ANCHOR: { key: 'anchor', kind: 'text' },
  ANCHORHOLD_REDIS_URL: { key: 'redisUrl', kind: 'text' },
  ANCHORHOLD_ENCLAVE: { key: 'enclaveEndpoint', kind: 'text' },
  ANCHORHOLD_SIGNER: { key: 'signerEndpoint', kind: 'text' },
  ANCHORHOLD_JOURNAL: { key: 'journal', kind: 'text' },
  ANCHORHOLD_PAYOUT_INTERVAL_MS: { key: 'payoutIntervalMs', kind: 'number' },
  ANCHORHOLD_PAYOUTS_MIN: { key: 'payoutsMin', kind: 'number' },
  ANCHORHOLD_SETTLE_DEPTH_BLOCKS: { key: 'settleDepthBlocks', kind: 'number' },
  ANCHORHOLD_LOG_LEVEL: { key: 'logLevel', kind: 'text' },
}

function readSettings(path: string): { [key: string]: unknown } {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected the host's settings as a JSON object in ${path}`, { cause })
  }
}

function fromEnvironment(environment: Environment): { [key: string]: unknown } {
  const found: { [key: string]: unknown } = {}
  for (const [name, { key, kind }] of Object.entries(ENVIRONMENT)) {
    const text = environment[name]
    if (text === undefined || text === '') continue
    found[key] = kind === 'list' ? text.split(',') : kind === 'number' ? Number(text) : text
  }
  return found
}
