/** Where attacks are tried: a copy of the data and of the chain. Everything in it is real but the money. */
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../../enclave/protocol/errors.ts'
import type { Address, Hash, Hex } from '../../../enclave/protocol/ids.ts'
import { type KeyFile, readKeyFile } from '../../../host/boot.ts'
import { decodeEntries, logsOf, readBoot } from '../../../host/boot-records.ts'
import { type AnchorFacts, type Chain, openChain, type RoundFacts } from '../../../host/chain.ts'
import { type Candidate, planLoad } from '../../../host/load-plan.ts'
import { type DataPaths, pathsOf } from '../../../host/paths.ts'
import type { Claim } from '../../../host/prefix.ts'
import { copyChain } from '../../chain/copy.ts'
import { callRpc } from '../../chain/rpc.ts'
import { type Deployment, readDeployment } from '../../chain/setup.ts'
import { type RunningChain, startChain } from '../../chain/start.ts'
import type { Folder } from '../folder.ts'

/** A stored record: what only the enclave reads, and the public entries in it. */
export type StoredRecord = { readonly sealed: Uint8Array; readonly entries: readonly Uint8Array[] }

export type Arena = {
  readonly root: string
  readonly url: string
  readonly chain: Chain
  readonly deployment: Deployment
  readonly authority: Address
  readonly keys: KeyFile
  /** The records that lead to the head of the chain as it was copied, and what to claim with them. */
  readonly records: readonly StoredRecord[]
  readonly claim: Claim
  facts(): Promise<AnchorFacts>
  /** Waits for a round that is open. */
  round(): Promise<RoundFacts>
  /** Broadcasts and waits for the block. `error` says how it failed, from a simulation just before. */
  send(raw: Hex, call: Hex): Promise<Outcome>
  close(): Promise<void>
}

export type Outcome = { readonly hash: Hash; readonly landed: boolean; readonly error: string | undefined }

const COPIED = ['keys', 'sealed', 'audit', 'enclave.json', 'genesis.json']
const POLL_MS = 100
const POLLS_MAX = 200

/** Copies and starts. The live chain and folder are only read. */
export async function openArena(folder: Folder): Promise<Arena> {
  const root = folder.attacks
  await rm(root, { recursive: true, force: true })
  await mkdir(root, { recursive: true, mode: 0o700 })
  for (const name of COPIED) await cp(join(folder.root, name), join(root, name), { recursive: true })
  await copyChain(folder.chain, join(root, 'chain'))
  const running = await startChain({ dataDir: join(root, 'chain'), onLine: () => undefined })
  try {
    return await arenaOf(root, running)
  } catch (error) {
    await running.stop()
    throw error
  }
}

async function arenaOf(root: string, running: RunningChain): Promise<Arena> {
  const { url } = running
  const deployment = await readDeployment(url)
  if (deployment === undefined)
    throw new CodedError('CHAIN_BEHIND', 'expected the anchor on the copied chain, got none')
  const paths = pathsOf(root)
  const anchor = deployment.anchor.toLowerCase() as Address
  const chain = openChain({ rpcUrls: [url], chainId: deployment.chainId, anchor, finality: 'finalized' })
  const keys = await readKeyFile(paths.keyFile)
  const authority = keys.address as Address
  const { records, claim } = await recordsAtHead(paths, chain, authority)
  return {
    ...{ root, url, chain, deployment, authority, keys, records, claim },
    facts: () => chain.facts(authority),
    round: () => openRound(chain),
    send: (raw, call) => send(chain, url, authority, raw, call),
    close: async () => {
      await running.stop()
      await rm(root, { recursive: true, force: true })
    },
  }
}

async function recordsAtHead(paths: DataPaths, chain: Chain, authority: Address) {
  const { head, epoch, sequence } = await chain.facts(authority)
  const claim: Claim = { head, epoch, bitmap: await chain.bitmapOf(sequence, head) }
  const candidate = (await planLoad(paths, chain, claim)).at(-1)
  if (candidate === undefined)
    throw new CodedError('PREFIX_NONE', `expected records that lead to head ${head}, found none`)
  return { records: await readRecords(paths, candidate), claim: candidate.claim }
}

async function readRecords(paths: DataPaths, { segments }: Candidate): Promise<StoredRecord[]> {
  const records: StoredRecord[] = []
  for (const { session, from, to } of segments) {
    const boot = await readBoot(paths, session)
    if (boot === undefined) throw new CodedError('SEALED_STORE', `expected the note of boot ${session}, it is missing`)
    const logs = logsOf(paths, boot)
    await logs.sealed.refresh()
    await logs.entries.refresh()
    const sealed = await Array.fromAsync(logs.sealed.read(from, to))
    const entries = await Array.fromAsync(logs.entries.read(from, to))
    sealed.forEach((bytes, at) => {
      records.push({ sealed: bytes, entries: decodeEntries(entries[at] as Uint8Array).entries })
    })
    await logs.sealed.close()
    await logs.entries.close()
  }
  return records
}

async function openRound(chain: Chain): Promise<RoundFacts> {
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    const round = await chain.round()
    if (round.initialized) return round
    await sleep(POLL_MS)
  }
  throw new CodedError('RPC_TIMEOUT', 'expected the round of the copied chain to open')
}

async function send(chain: Chain, url: string, authority: Address, raw: Hex, call: Hex): Promise<Outcome> {
  const simulation = await chain.simulate(authority, call)
  const hash = (await callRpc(url, 'eth_sendRawTransaction', [raw])) as Hash
  const error = simulation.kind === 'reverts' ? simulation.error : undefined
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    const receipt = await chain.receiptOf(hash)
    if (receipt !== undefined) return { hash, landed: receipt.succeeded, error }
    await sleep(POLL_MS)
  }
  throw new CodedError('RPC_TIMEOUT', `expected transaction ${hash} in a block of the copied chain`)
}
