/** An imported ledger at work: embedded chain, enclave process, and the four stages taken by turns in this process. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditReport } from '../../auditor/audit.ts'
import { type Address, toAddress } from '../../enclave/protocol/ids.ts'
import type { LedgerStatus } from '../../enclave/protocol/method-results.ts'
import type { Wei } from '../../enclave/protocol/money.ts'
import { bootEnclave } from '../../host/boot.ts'
import { type HostConfig, hostConfigOf } from '../../host/config.ts'
import { type Context, openContext } from '../../host/context.ts'
import { openEnclaveClient } from '../../host/enclave-client.ts'
import { startEnclave } from '../../host/enclave-process.ts'
import { openLog } from '../../host/log.ts'
import { DEV_ACCOUNTS, devAccount } from '../../scripts/chain/accounts.ts'
import { appointAuthority, type Deployment, fundGasFloat, fundTreasury, setupChain } from '../../scripts/chain/setup.ts'
import { type RunningChain, startChain } from '../../scripts/chain/start.ts'
import { openIngest } from '../../workers/1-ingest/worker.ts'
import { openPrepare } from '../../workers/2-prepare/worker.ts'
import { openBroadcast } from '../../workers/3-broadcast/worker.ts'
import { openConfirm } from '../../workers/4-confirm/worker.ts'

const AUDITOR = join(import.meta.dirname, '..', '..', 'auditor', 'main.ts')
const ROUND_LENGTH_BLOCKS = 5_760n
const FLOAT_WEI = 10n ** 18n
const TURN_MS = 100
const BLOCK_MS = 100

export const log = openLog({ level: 'silent', name: 'import' })

export type Ground = { readonly dir: string; readonly chain: RunningChain; readonly deployment: Deployment }

/** Chain and anchor, before there is a ledger. */
export async function openGround(dir: string, transcoders: readonly Address[]): Promise<Ground> {
  const chain = await startChain({
    dataDir: join(dir, 'chain'),
    blockMs: BLOCK_MS,
    finalDepthBlocks: 2,
    onLine: () => undefined,
  })
  const guardian = devAccount(DEV_ACCOUNTS.guardian).address
  const deployment = await setupChain(chain.url, {
    guardian,
    transcoders,
    roundLengthBlocks: ROUND_LENGTH_BLOCKS,
    treasuryWei: 0n as Wei,
  })
  return { dir, chain, deployment }
}

/** Binds an enclave to the imported genesis, funds what it owes, and runs the stages until `done`. */
export async function liveUntil(
  ground: Ground,
  genesisHash: string,
  treasuryWei: bigint,
  done: (ledger: LedgerStatus) => boolean,
): Promise<LedgerStatus> {
  const config = configure(ground, genesisHash)
  const enclave = await startEnclave(config, log)
  try {
    await provideAuthority(ground, config, treasuryWei)
    const context = openContext(config, log)
    await bootEnclave(context)
    return await turnStages(context, done)
  } finally {
    await enclave.stop()
  }
}

/** The auditor as a process, over the published log, the chain and the journal. */
export function audit({ dir, chain, deployment }: Ground, journal: string): Promise<AuditReport> {
  const place = ['--rpc', chain.url, '--anchor', deployment.anchor, '--log', join(dir, 'audit'), '--journal', journal]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [AUDITOR, ...place, '--json'], (error, stdout, stderr) => {
      if (stdout === '') return reject(new Error(`expected a report of the auditor, got: ${stderr}`, { cause: error }))
      resolve(JSON.parse(stdout) as AuditReport)
    })
  })
}

function configure({ dir, chain, deployment }: Ground, genesisHash: string): HostConfig {
  const { chainId } = deployment
  const [anchor, broker, guardian] = [deployment.anchor, deployment.broker, deployment.guardian].map(toAddress)
  const configuration = { chainId, anchor, broker, guardian, role: 'core', genesisHash }
  writeFileSync(join(dir, 'enclave.json'), JSON.stringify(configuration))
  return hostConfigOf(dir, {
    ...{ chainId, anchor, rpcUrls: [chain.url] },
    enclaveEndpoint: `unix://${join(dir, 'e.sock')}`,
    settleDepthBlocks: 1,
    payoutIntervalMs: 100,
    resendMs: 500,
    logLevel: 'silent',
  })
}

async function provideAuthority({ chain, deployment }: Ground, config: HostConfig, treasuryWei: bigint): Promise<void> {
  const { anchor } = deployment
  const client = openEnclaveClient(config.enclaveEndpoint)
  const { address, ciphertext_b64, state_ciphertext_b64 } = await client.call('generate', {})
  client.close()
  mkdirSync(config.paths.keys, { recursive: true })
  writeFileSync(config.paths.keyFile, JSON.stringify({ address, ciphertext_b64, state_ciphertext_b64 }))
  await appointAuthority(chain.url, { anchor, authority: address })
  await fundGasFloat(chain.url, { authority: address, amountWei: FLOAT_WEI as Wei })
  await fundTreasury(chain.url, anchor, treasuryWei as Wei)
}

const TURNS_MAX = 600

async function turnStages(context: Context, done: (ledger: LedgerStatus) => boolean): Promise<LedgerStatus> {
  const ring = async () => true
  const stages = [openIngest, openPrepare, openBroadcast, openConfirm].map((open) => open(context, ring))
  try {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      for (const stage of stages) await stage.run()
      const { ledger } = await context.enclave.call('status', {})
      const { size } = await context.audit.published()
      if (ledger !== undefined && ledger.unlanded === null && size >= ledger.logSizeCommitted && done(ledger))
        return ledger
      await sleep(TURN_MS)
    }
    throw new Error(`expected the ledger to come to rest within ${TURNS_MAX} turns`)
  } finally {
    for (const stage of stages) await stage.close()
    await context.close()
  }
}

/** The genesis file that the import wrote. */
export function readGenesis(path: string): {
  openings: { id: string; wei: string; recipient: string | null }[]
  journalSize: number
} {
  return JSON.parse(readFileSync(path, 'utf8'))
}
