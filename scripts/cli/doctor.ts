/** Every precondition that a person would otherwise find out one failure at a time. */
import { once } from 'node:events'
import { statfs } from 'node:fs/promises'
import { versions } from 'node:process'
import { createPublicClient, http, keccak256, parseAbi, toHex } from 'viem'
import type { Address } from '../../enclave/protocol/ids.ts'
import type { Context } from '../../host/context.ts'
import { type HostStatus, readStatus } from '../../host/status.ts'
import { connectRedis, requireNoEviction } from '../../queues/connection.ts'
import { WORLD } from '../chain/world.ts'
import { type Answer, EXIT_FAILED, ether, tableOf } from './answer.ts'
import { type Check, check } from './check.ts'
import { configChecks } from './config-check.ts'

const NODE_MAJOR_MIN = 24
const REDIS_MAJOR_MIN = 6
const REDIS_MS_MAX = 5_000
const DISK_BYTES_MIN = 1_073_741_824
const BYTES_PER_MEBIBYTE = 1_048_576
/** A host clock that is off shows wrong ages; the enclave's decisions do not rest on it. */
const CLOCK_SKEW_MS_MAX = 60_000
const MS_PER_SECOND = 1_000
const RPC_TIMEOUT_MS = 10_000
const ABI = parseAbi([
  'function ticketBroker() view returns (address)',
  'function controller() view returns (address)',
  'function getContract(bytes32 id) view returns (address)',
  'struct Sender { uint256 deposit; uint256 withdrawRound; }',
  'struct ReserveInfo { uint256 fundsRemaining; uint256 claimedInCurrentRound; }',
  'function getSenderInfo(address who) view returns (Sender sender, ReserveInfo reserve)',
])

export async function doctorAnswer(context: Context): Promise<Answer> {
  const status = await readStatus(context)
  const checks = [
    ...nodeChecks(),
    await diskCheck(context),
    ...(await configChecks(context)),
    ...(await redisChecks(context)),
    ...(await Promise.all(context.config.rpcUrls.map((url) => endpointChecks(context, url)))).flat(),
    ...(await livepeerChecks(context, status)),
    ...moneyChecks(context, status),
    ...status.troubles.map(({ code, detail, action }) =>
      check(code.toLowerCase().replace('_', ' '), 'warn', detail, action),
    ),
  ]
  const failed = checks.some(({ verdict }) => verdict === 'fail')
  const rows = checks.map(({ verdict, name, detail, action }) => [
    verdict,
    name,
    action === '' ? detail : `${detail}\n→ ${action}`,
  ])
  return {
    format: 'anchorhold-doctor/1',
    value: { verdict: failed ? 'fail' : 'ok', checks },
    text: tableOf(rows, ['', 'check', '']),
    exitCode: failed ? EXIT_FAILED : 0,
  }
}

function nodeChecks(): Check[] {
  const major = Number.parseInt(versions.node.split('.')[0] ?? '0', 10)
  const isOld = major < NODE_MAJOR_MIN
  return [
    check(
      'node',
      isOld ? 'fail' : 'ok',
      `version ${versions.node}`,
      isOld ? `Run under Node ${NODE_MAJOR_MIN}: npm run anchorhold` : '',
    ),
  ]
}

async function diskCheck({ config }: Context): Promise<Check> {
  const { bavail, bsize } = await statfs(config.paths.root)
  const bytes = bavail * bsize
  const detail = `${Math.floor(bytes / BYTES_PER_MEBIBYTE)} MiB free at ${config.paths.root}`
  if (bytes >= DISK_BYTES_MIN) return check('disk', 'ok', detail)
  return check('disk', 'fail', detail, 'Free some: a full disk stops intake first, then the audit log.')
}

async function redisChecks({ config }: Context): Promise<Check[]> {
  const redis = connectRedis(config.redisUrl, 'queue', () => undefined)
  try {
    await once(redis, 'ready', { signal: AbortSignal.timeout(REDIS_MS_MAX) })
    const info = await redis.info('server')
    const version = /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
    const isOld = Number.parseInt(version, 10) < REDIS_MAJOR_MIN
    const versionCheck = check(
      'redis',
      isOld ? 'fail' : 'ok',
      `version ${version}`,
      isOld ? `Install Redis ${REDIS_MAJOR_MIN} or later.` : '',
    )
    return [versionCheck, await policyCheck(redis)]
  } catch (error) {
    return [check('redis', 'fail', `no answer: ${messageOf(error)}`, 'Start it, or correct redisUrl in host.json.')]
  } finally {
    redis.disconnect()
  }
}

async function policyCheck(redis: Parameters<typeof requireNoEviction>[0]): Promise<Check> {
  try {
    await requireNoEviction(redis)
    return check('redis policy', 'ok', 'nothing is evicted')
  } catch (error) {
    return check('redis policy', 'fail', messageOf(error), 'Set maxmemory-policy to noeviction.')
  }
}

async function endpointChecks({ config, now }: Context, url: string): Promise<Check[]> {
  const rpc = createPublicClient({ transport: http(url, { timeout: RPC_TIMEOUT_MS, retryCount: 0 }) })
  const name = `endpoint ${config.rpcUrls.indexOf(url) + 1}`
  try {
    const [chainId, block] = [await rpc.getChainId(), await rpc.getBlock()]
    const isRight = chainId === config.chainId
    const skewMs = Math.abs(now() - Number(block.timestamp) * MS_PER_SECOND)
    const late = skewMs > CLOCK_SKEW_MS_MAX
    return [
      check(
        name,
        isRight ? 'ok' : 'fail',
        `chain ${chainId} at block ${block.number}`,
        isRight ? '' : `It must serve chain ${config.chainId}.`,
      ),
      check(
        `${name} clock`,
        late ? 'warn' : 'ok',
        `newest block and this machine are ${Math.round(skewMs / MS_PER_SECOND)} s apart`,
        late ? 'Set the clock of this machine, or find out why the chain stands still.' : '',
      ),
    ]
  } catch (error) {
    return [check(name, 'fail', `no answer: ${messageOf(error)}`, 'Correct rpcUrls, or wait for the provider.')]
  }
}

/** Livepeer's governance may put other rules behind the broker at any time: a target that nobody has read is not trusted. */
async function livepeerChecks({ config, policy }: Context, status: HostStatus): Promise<Check[]> {
  if (policy.strategy !== 'ticket') return []
  const rpc = createPublicClient({ transport: http(config.rpcUrls[0], { timeout: RPC_TIMEOUT_MS, retryCount: 0 }) })
  try {
    const broker = await rpc.readContract({ address: config.anchor, abi: ABI, functionName: 'ticketBroker' })
    const controller = await rpc.readContract({ address: broker, abi: ABI, functionName: 'controller' })
    const args = [keccak256(toHex('TicketBrokerTarget'))] as const
    const target = await rpc.readContract({ address: controller, abi: ABI, functionName: 'getContract', args })
    const { authority } = status.enclave
    return [
      check(
        'broker',
        broker.toLowerCase() === policy.broker ? 'ok' : 'fail',
        `the anchor pays through ${broker}`,
        broker.toLowerCase() === policy.broker ? '' : `The policy names ${policy.broker}.`,
      ),
      targetCheck(target),
      ...roundCheck(status),
      ...(authority === undefined ? [] : [await depositCheck(rpc, broker, authority, status)]),
    ]
  } catch (error) {
    return [check('broker', 'fail', `not readable: ${messageOf(error)}`, 'Correct anchor and rpcUrls in host.json.')]
  }
}

function targetCheck(target: string): Check {
  const known = (
    [
      ['v1', WORLD.ticketBrokerV1],
      ['v2', WORLD.ticketBrokerV2],
    ] as const
  ).find(([, address]) => address.toLowerCase() === target.toLowerCase())
  if (known !== undefined) return check('broker rules', 'ok', `${known[0]}, target ${target}`)
  return check(
    'broker rules',
    'fail',
    `unknown target ${target}`,
    'Pause prepare until somebody has read what changed: anchorhold pause prepare',
  )
}

function roundCheck({ round }: HostStatus): Check[] {
  return round?.initialized === true ? [check('round', 'ok', `${round.number} is open`)] : []
}

/** A key with a past at the broker has tickets out there: before genesis that is refused, later it is a gift of somebody [F12]. */
async function depositCheck(
  rpc: ReturnType<typeof createPublicClient>,
  broker: Address | `0x${string}`,
  authority: Address,
  { anchor }: HostStatus,
): Promise<Check> {
  const [sender, reserve] = await rpc.readContract({
    address: broker,
    abi: ABI,
    functionName: 'getSenderInfo',
    args: [authority],
  })
  const held = sender.deposit + reserve.fundsRemaining
  const isNew = anchor?.epoch === 0
  if (isNew && anchor.accountNonce > 0) {
    return check(
      'authority',
      'fail',
      `its account has sent ${anchor.accountNonce} transactions before genesis`,
      'Draw a new authority: an old key may have signed tickets that are still good.',
    )
  }
  if (held === 0n) return check('authority', 'ok', 'no deposit or reserve at the broker')
  const detail = `${ether(held)} lie at the broker under ${authority}`
  if (isNew)
    return check('authority', 'fail', detail, 'Draw a new authority: this one was used as a sender before genesis.')
  return check('authority', 'warn', detail, 'Not our money: somebody gave it, and stray tickets may draw on it.')
}

/** What each purse holds and where to send more; shortages are troubles of the status. */
function moneyChecks({ config }: Context, { anchor, enclave, troubles }: HostStatus): Check[] {
  if (anchor === undefined) return []
  const short = new Set(troubles.map(({ code }) => code))
  const purse = (name: string, code: 'TREASURY' | 'GAS_FLOAT', wei: bigint, address: string): Check[] =>
    short.has(code) ? [] : [check(name, 'ok', `${ether(wei)}; send ether to ${address} to fund it`)]
  return [
    ...purse('treasury', 'TREASURY', anchor.treasuryWei, config.anchor),
    ...purse('gas float', 'GAS_FLOAT', anchor.floatWei, enclave.authority ?? anchor.authority),
  ]
}

const MESSAGE_CHARACTERS_MAX = 200

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return (text.split('\n')[0] ?? '').slice(0, MESSAGE_CHARACTERS_MAX)
}
