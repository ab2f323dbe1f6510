import { glob, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Abi, type Address, encodeFunctionData, type Hex, keccak256, parseAbi, parseEther, toHex } from 'viem'

const ARTIFACTS_PATH = fileURLToPath(new URL('../../artifacts', import.meta.url))

/** Livepeer's addresses on Arbitrum One. The last two are ours: the deployed targets behind them are not ours to know. */
export const WORLD = {
  ticketBroker: '0xa8bB618B1520E284046F3dFc448851A1Ff26e41B',
  controller: '0xD8E8328501E9645d16Cf49539efC04f734606ee4',
  roundsManager: '0xdd6f56DcC28D3F5f27084381fE8Df634985cc39f',
  bondingManager: '0x35Bcf3c30594191d53231E4FF333E8A770453e40',
  minter: '0xc20DE37170B45774e6CD3d2304017fc962f27252',
  ticketBrokerV1: '0xea1b0F6c8D158328a6e3D3F924B86A759F41465c',
  ticketBrokerV2: '0x3b68fbf89d121278b216a55a4252cac820d552b7',
  roundsManagerTarget: '0x00000000000000000000000000000000726f756e',
  bondingManagerTarget: '0x00000000000000000000000000000000626f6e64',
} as const satisfies Record<string, Address>

/** The round in which a world starts: above 1, so that tickets of earlier rounds have numbers. */
export const WORLD_FIRST_ROUND = 3_800n

/** Transcoders bonded by one transaction: about 220,000 gas each, below the 16.7 million of EIP-7825. */
export const TRANSCODERS_PER_CALL_MAX = 40

/** What each transcoder has staked, in units of 10⁻¹⁸ LPT. */
export const TRANSCODER_STAKE = parseEther('1000')

/** The calls and events of the world that clients need, beside the broker's. */
export const WORLD_ABI = parseAbi([
  'function initialize(address)',
  'function initializeProxy(address controller, bytes32 targetContractId)',
  'function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash)',
  'function getContract(bytes32 id) view returns (address)',
  'function owner() view returns (address)',
  'function paused() view returns (bool)',
  'function pause()',
  'function unpause()',
  'function startRounds(uint256 firstRound, uint256 roundLength)',
  'function setRoundLength(uint256 roundLength)',
  'function roundLength() view returns (uint256)',
  'function initializeRound()',
  'function currentRound() view returns (uint256)',
  'function currentRoundStartBlock() view returns (uint256)',
  'function currentRoundInitialized() view returns (bool)',
  'function lastInitializedRound() view returns (uint256)',
  'function blockHashForRound(uint256 round) view returns (bytes32)',
  'function bondTranscoders(address[] list, uint256 stake, uint256 activationRound)',
  'function deactivate(address transcoder)',
  'function isActiveTranscoder(address transcoder) view returns (bool)',
  'function isRegisteredTranscoder(address transcoder) view returns (bool)',
  'function getTranscoderPoolSize() view returns (uint256)',
  'function getFirstTranscoderInPool() view returns (address)',
  'function getNextTranscoderInPool(address transcoder) view returns (address)',
  'function pendingFees(address delegator, uint256 endRound) view returns (uint256)',
  'function withdrawFees(address to, uint256 amount)',
  'function setUnlockPeriod(uint256 rounds)',
  'function setTicketValidityPeriod(uint256 rounds)',
  'event NewRound(uint256 indexed round, bytes32 blockHash)',
])

/** The broker's calls and events, the same under both rule versions. */
export const TICKET_BROKER_ABI = parseAbi([
  'struct Ticket { address recipient; address sender; uint256 faceValue; uint256 winProb; uint256 senderNonce; bytes32 recipientRandHash; bytes auxData; }',
  'struct Sender { uint256 deposit; uint256 withdrawRound; }',
  'struct ReserveInfo { uint256 fundsRemaining; uint256 claimedInCurrentRound; }',
  'function redeemWinningTicket(Ticket ticket, bytes sig, uint256 recipientRand)',
  'function batchRedeemWinningTickets(Ticket[] tickets, bytes[] sigs, uint256[] recipientRands)',
  'function fundDeposit() payable',
  'function fundReserve() payable',
  'function fundDepositAndReserve(uint256 deposit, uint256 reserve) payable',
  'function fundDepositAndReserveFor(address who, uint256 deposit, uint256 reserve) payable',
  'function unlock()',
  'function cancelUnlock()',
  'function withdraw()',
  'function getTicketHash(Ticket ticket) view returns (bytes32)',
  'function usedTickets(bytes32 ticketHash) view returns (bool)',
  'function getSenderInfo(address who) view returns (Sender sender, ReserveInfo reserve)',
  'function isUnlockInProgress(address who) view returns (bool)',
  'function claimableReserve(address holder, address claimant) view returns (uint256)',
  'function ticketValidityPeriod() view returns (uint256)',
  'function unlockPeriod() view returns (uint256)',
  'event WinningTicketRedeemed(address indexed sender, address indexed recipient, uint256 faceValue, uint256 winProb, uint256 senderNonce, uint256 recipientRand, bytes auxData)',
  'event WinningTicketTransfer(address indexed sender, address indexed recipient, uint256 amount)',
  'event DepositFunded(address indexed sender, uint256 amount)',
  'event ReserveFunded(address indexed reserveHolder, uint256 amount)',
  'event ReserveClaimed(address indexed reserveHolder, address claimant, uint256 amount)',
])

/** A compiled contract, as Hardhat writes it. */
export interface Artifact {
  readonly abi: Abi
  readonly bytecode: Hex
  readonly deployedBytecode: Hex
}

/** What a chain must let the installer do. `send` comes from the world's owner and returns once mined. */
export interface WorldDeps {
  setCode(address: Address, code: Hex): Promise<void>
  send(transaction: { to: Address; data: Hex; value?: bigint }): Promise<void>
  artifact(name: string): Promise<Artifact>
}

/**
 * `transcoders` are registered and active at once. `bondedOnly` are registered and active from the next round on:
 * until then a ticket for them fails with Panic 0x12.
 */
export interface WorldOptions {
  readonly owner: Address
  readonly rules: 'v1' | 'v2'
  readonly roundLengthBlocks: bigint
  readonly ticketValidityPeriodRounds: bigint
  readonly unlockPeriodRounds: bigint
  readonly transcoders: readonly Address[]
  readonly bondedOnly?: readonly Address[]
}

/**
 * Puts the small Livepeer world at its main-net addresses and opens the first round.
 * For an empty chain only; a second run fails at the first initializer.
 */
export async function installWorld(deps: WorldDeps, options: WorldOptions): Promise<void> {
  await placeCode(deps)
  await registerContracts(deps, options)
  const call = (to: Address, functionName: WorldFunction, args: readonly unknown[] = []) =>
    deps.send({ to, data: encodeWorldCall(functionName, args) })
  await call(WORLD.roundsManager, 'startRounds', [WORLD_FIRST_ROUND, options.roundLengthBlocks])
  await call(WORLD.ticketBroker, 'setUnlockPeriod', [options.unlockPeriodRounds])
  await call(WORLD.ticketBroker, 'setTicketValidityPeriod', [options.ticketValidityPeriodRounds])
  await bond(deps, options.transcoders, WORLD_FIRST_ROUND)
  await bond(deps, options.bondedOnly ?? [], WORLD_FIRST_ROUND + 1n)
  await call(WORLD.roundsManager, 'initializeRound')
}

/** Makes the broker run the other rules, as the controller's owner could at any time. */
export async function setRules(deps: Pick<WorldDeps, 'send'>, rules: 'v1' | 'v2'): Promise<void> {
  await register(deps, 'TicketBrokerTarget', rules === 'v1' ? WORLD.ticketBrokerV1 : WORLD.ticketBrokerV2)
}

/** The compiled contract `name` from Hardhat's artifacts folder. Throws when it isn't there exactly once: build first. */
export async function readArtifact(name: string, artifactsPath = ARTIFACTS_PATH): Promise<Artifact> {
  const paths: string[] = []
  for await (const path of glob(`${artifactsPath}/{contracts,test}/**/${name}.json`)) {
    if (basename(path) === `${name}.json`) paths.push(path)
  }
  const [path, ...others] = paths
  if (path === undefined || others.length > 0) {
    throw new Error(`expected one artifact ${name} under ${artifactsPath}, found ${paths.length}; run "hardhat build"`)
  }
  return JSON.parse(await readFile(path, 'utf8'))
}

type WorldFunction = Extract<(typeof WORLD_ABI)[number], { type: 'function' }>['name']

function encodeWorldCall(functionName: WorldFunction, args: readonly unknown[]): Hex {
  return encodeFunctionData({ abi: WORLD_ABI as Abi, functionName, args })
}

async function placeCode(deps: WorldDeps): Promise<void> {
  const names: Record<keyof typeof WORLD, string> = {
    ticketBroker: 'ManagerProxy',
    controller: 'Controller',
    roundsManager: 'ManagerProxy',
    bondingManager: 'ManagerProxy',
    minter: 'Minter',
    ticketBrokerV1: 'TicketBrokerV1',
    ticketBrokerV2: 'TicketBrokerV2',
    roundsManagerTarget: 'RoundsManager',
    bondingManagerTarget: 'BondingManager',
  }
  for (const [key, name] of Object.entries(names)) {
    const { deployedBytecode } = await deps.artifact(name)
    await deps.setCode(WORLD[key as keyof typeof WORLD], deployedBytecode)
  }
}

async function registerContracts(deps: WorldDeps, options: WorldOptions): Promise<void> {
  const controller = WORLD.controller
  await deps.send({ to: controller, data: encodeWorldCall('initialize', [options.owner]) })
  await register(deps, 'RoundsManager', WORLD.roundsManager)
  await register(deps, 'RoundsManagerTarget', WORLD.roundsManagerTarget)
  await register(deps, 'BondingManager', WORLD.bondingManager)
  await register(deps, 'BondingManagerTarget', WORLD.bondingManagerTarget)
  await register(deps, 'Minter', WORLD.minter)
  await register(deps, 'TicketBroker', WORLD.ticketBroker)
  await setRules(deps, options.rules)
  await deps.send({ to: WORLD.minter, data: encodeWorldCall('initialize', [controller]) })
  for (const name of ['RoundsManager', 'BondingManager', 'TicketBroker'] as const) {
    const to = WORLD[(name[0]?.toLowerCase() + name.slice(1)) as 'roundsManager' | 'bondingManager' | 'ticketBroker']
    await deps.send({ to, data: encodeWorldCall('initializeProxy', [controller, contractId(`${name}Target`)]) })
  }
}

async function register(deps: Pick<WorldDeps, 'send'>, name: string, address: Address): Promise<void> {
  const gitCommitHash = toHex(0, { size: 20 })
  const data = encodeWorldCall('setContractInfo', [contractId(name), address, gitCommitHash])
  await deps.send({ to: WORLD.controller, data })
}

async function bond(deps: WorldDeps, list: readonly Address[], activationRound: bigint): Promise<void> {
  for (let from = 0; from < list.length; from += TRANSCODERS_PER_CALL_MAX) {
    const some = list.slice(from, from + TRANSCODERS_PER_CALL_MAX)
    const data = encodeWorldCall('bondTranscoders', [some, TRANSCODER_STAKE, activationRound])
    await deps.send({ to: WORLD.bondingManager, data })
  }
}

/** Under which id the controller keeps a contract: keccak256 of its name. */
function contractId(name: string): Hex {
  return keccak256(toHex(name))
}
