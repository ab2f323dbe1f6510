/**
 * The first minutes of an embedded ledger: keys that the enclave draws, an anchor whose guardian names them, a gas float.
 * Each step looks at what is there, so a start that was cut off is taken up where it stopped.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { type Address, isAddress, toAddress, ZERO_ADDRESS } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { readKeyFile } from '../../host/boot.ts'
import type { AnchorFacts } from '../../host/chain.ts'
import { openChain } from '../../host/chain.ts'
import { writeDurably } from '../../host/durable-file.ts'
import { DEV_ACCOUNTS, devAccount } from '../chain/accounts.ts'
import { appointAuthority, type Deployment, fundGasFloat, readDeployment, setupChain } from '../chain/setup.ts'
import { startLoneEnclave } from './enclave-process.ts'
import type { Folder, Plan } from './folder.ts'
import { genesisFiles } from './policy.ts'

/** Rounds of the embedded world: about half a minute at four blocks a second, so that one turns while payouts wait. */
export const ROUND_LENGTH_BLOCKS = 120n
/** Below this the float is filled up again. */
const FLOAT_WEI_MIN = 10n ** 17n
const FLOAT_WEI = 10n ** 18n

/** Deploys the world and the anchor, or finds them. Refuses CHAIN_BEHIND when the ledger is there and the anchor is not. */
export async function provideAnchor(url: string, plan: Plan, hasLedger: boolean): Promise<Deployment> {
  const there = await readDeployment(url)
  if (there !== undefined) return there
  if (hasLedger) {
    throw new CodedError(
      'CHAIN_BEHIND',
      'expected the anchor of this ledger on the chain, got a chain without one; type: npm start -- --fresh',
    )
  }
  const unregistered = new Set(plan.unregistered)
  const recipients = new Set(plan.roster.map(({ recipient }) => recipient))
  return setupChain(url, {
    guardian: devAccount(DEV_ACCOUNTS.guardian).address,
    transcoders: [...recipients].filter((recipient) => !unregistered.has(recipient)),
    roundLengthBlocks: ROUND_LENGTH_BLOCKS,
    // The treasury is filled when the auditor has accepted the first header, not before.
    treasuryWei: wei(0n),
  })
}

/**
 * Writes the enclave's configuration and the genesis that it is bound to, once: a later release may begin ledgers with
 * other figures, and this one keeps its own.
 */
export async function writeGenesis(folder: Folder, plan: Plan, deployment: Deployment): Promise<void> {
  if (existsSync(folder.genesis) && existsSync(folder.enclaveConfig)) return
  const { genesis, configuration } = genesisFiles(placeOf(deployment), plan.roster)
  await writeDurably(folder.genesis, `${JSON.stringify(genesis)}\n`)
  await writeDurably(folder.enclaveConfig, `${JSON.stringify(configuration)}\n`)
}

/** Lets an enclave draw its keys and keeps the ciphertexts. The keys themselves never leave it. */
export async function provideKeys(folder: Folder, deployment: Deployment): Promise<Address> {
  if (!existsSync(folder.paths.keyFile)) await drawKeys(folder, deployment)
  const { address } = await readKeyFile(folder.paths.keyFile)
  if (!isAddress(address))
    throw new CodedError('KEYS_MISSING', `expected an address in ${folder.paths.keyFile}, got ${address}`)
  return address
}

/** The guardian appoints the authority, and its account gets gas. Refuses CHAIN_BEHIND under another authority. */
export async function provideAuthority(url: string, deployment: Deployment, authority: Address): Promise<void> {
  const facts = await readFacts(url, deployment, authority)
  const anchor = deployment.anchor
  if (facts.authority === ZERO_ADDRESS) await appointAuthority(url, { anchor, authority })
  else if (facts.authority !== authority) {
    throw new CodedError(
      'CHAIN_BEHIND',
      `expected authority ${authority} on the anchor, got ${facts.authority}; type: npm start -- --fresh`,
    )
  }
  if (facts.floatWei < FLOAT_WEI_MIN) await fundGasFloat(url, { authority, amountWei: wei(FLOAT_WEI - facts.floatWei) })
}

export function readFacts(url: string, deployment: Deployment, authority: Address): Promise<AnchorFacts> {
  const anchor = lower(deployment.anchor)
  return openChain({ rpcUrls: [url], chainId: deployment.chainId, anchor, finality: 'finalized' }).facts(authority)
}

/** What the treasury owner holds of the embedded chain's own money. */
export const TREASURY_OWNER: Address = lower(devAccount(DEV_ACCOUNTS.treasuryOwner).address)

function placeOf(deployment: Deployment) {
  return {
    chainId: deployment.chainId,
    anchor: lower(deployment.anchor),
    broker: lower(deployment.broker),
    guardian: lower(deployment.guardian),
    treasuryOwner: TREASURY_OWNER,
  }
}

async function drawKeys(folder: Folder, { chainId, anchor }: Deployment): Promise<void> {
  const enclave = await startLoneEnclave(folder.root, 'keys', {
    chainId,
    anchor,
    logFile: join(folder.logs, 'keys.log'),
  })
  try {
    const { address, ciphertext_b64, state_ciphertext_b64 } = await enclave.client.call('generate', {})
    await writeDurably(folder.paths.keyFile, `${JSON.stringify({ address, ciphertext_b64, state_ciphertext_b64 })}\n`)
  } finally {
    await enclave.stop()
  }
}

function lower(address: string): Address {
  const known = toAddress(address)
  if (known === undefined) throw new CodedError('CONFIG_INVALID', `expected an address, got ${address}`)
  return known
}
