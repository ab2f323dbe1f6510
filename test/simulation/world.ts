/** One world: everything in it comes from its seed, and nothing in it knows of another one. */
import type { Genesis } from '../../enclave/protocol/configuration.ts'
import { type Configuration, genesisHash } from '../../enclave/protocol/configuration.ts'
import { type Address, type Hash, toHash, toHex } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { aGenesis, aPolicy } from '../builders/boot.ts'
import { Chain } from './chain/chain.ts'
import { BROKER, CHAIN_ID, GUARDIAN, TICKET_VALIDITY_ROUNDS } from './chain/rules.ts'
import { FIRST_ROUND, newChainState } from './chain/state.ts'
import { drawGovernance, drawSigner, governedPolicy, type Signer } from './governance.ts'
import { EMPTY_JOURNAL } from './journal.ts'
import { drawKeys } from './keys.ts'
import { Random } from './random.ts'
import type { Observer, World } from './scene.ts'
import { drawFaults, FAULT_NAMES, type FaultName, type Faults, type LaterDice } from './swarm.ts'

/** Where the real anchor of scripts/chain lies when its owner deploys it last: every world uses that place. */
export const ANCHOR = '0x5fbdb2315678afecb367f032d93f642f64180aa3' as Address

const ETHER_WEI = 10n ** 18n
const START_SECONDS = 1_800_000_000
const SALT_BYTES = 8
const GOVERNED_PERMILLE = 600
const CAPPED_PERMILLE = 250
/** A stream of its own for whether caps bind. */
const CAPS_STREAM = 0x6a09e667
/** How many governed worlds grow old enough for a change of recipient, of a stream of its own too. */
const AGED_PERMILLE = 300
const AGE_STREAM = 0x9b05688c
/** Of faults that came later; the seeds of seeds.txt draw none of them, and so are the worlds that they were. */
const CONTRACT_FAULTS_STREAM = 0x2dbe3c43
const HOST_FAULTS_STREAM = 0x35cf3f60
const WINDOW_SECONDS = 300
const CAPS = {
  recipientWindowWeiMax: wei(2n * ETHER_WEI),
  rollingWeiMax: wei(6n * ETHER_WEI),
  source: { windowWeiMax: wei(3n * ETHER_WEI), lifetimeWeiMax: wei(12n * ETHER_WEI) },
}

export type WorldOptions = { readonly real: boolean; readonly anchor?: Address }

export function newWorld(seed: number, checks: Observer, { real, anchor = ANCHOR }: WorldOptions): World {
  const random = new Random(seed)
  const keys = drawKeys(random.split())
  const faults = drawFaults(random.split(), laterDice(seed))
  const { owners, roster, openings } = drawOwners(random.split())
  const heirs = drawHeirs(new Random(seed, AGE_STREAM), owners)
  const governance = random.chance(GOVERNED_PERMILLE) ? drawGovernance(random.split(), owners, heirs) : undefined
  const governed = governance === undefined ? {} : governedPolicy(random, governance)
  const isCapped = new Random(seed, CAPS_STREAM).chance(CAPPED_PERMILLE)
  const drawn = drawPolicy(random.split(), anchor, governed)
  const genesis = aGenesis({ policy: isCapped ? withCaps(drawn) : drawn, roster, openings })
  const { policy } = genesis
  const configuration: Configuration = {
    chainId: CHAIN_ID,
    anchor,
    broker: BROKER,
    guardian: GUARDIAN,
    role: 'core',
    genesisHash: genesisHash(genesis),
  }
  const recipients = new Map<string, Address>([...owners].map(([id, { address }]) => [id, address]))
  const isPoor = random.chance(faults.underfunded)
  const treasuryWei = isPoor ? ETHER_WEI : 1_000n * ETHER_WEI
  const follow = governance === undefined ? [] : [...heirs.values()]
  const payees = [...recipients.values(), ...follow.map(({ address }) => address)]
  const payable = new Set([...payees, policy.treasuryOwner])
  const state = newChainState(treasuryWei, payable, roundHashOf(random, FIRST_ROUND))
  const rules = {
    ledger: { chainId: CHAIN_ID, anchor },
    broker: BROKER,
    guardian: GUARDIAN,
    version: random.pick(['v1', 'v2'] as const),
    ticketValidityRounds: TICKET_VALIDITY_ROUNDS,
    recoverTickets: real,
  }
  return {
    seed,
    random,
    drawnFaults: faults,
    faults,
    genesis,
    configuration,
    keys,
    chain: new Chain(rules, state, START_SECONDS, 2 + random.below(5)),
    nowSeconds: START_SECONDS,
    archive: { records: [], snapshots: [] },
    boots: [],
    operator: undefined,
    bootCount: 0,
    calls: [],
    acts: [],
    commits: new Map(),
    ids: [...recipients.keys(), 'nobody'],
    recipients,
    payees,
    isCapped,
    governance,
    journal: EMPTY_JOURNAL,
    journals: new Map([[EMPTY_JOURNAL.head, EMPTY_JOURNAL]]),
    lines: new Map(),
    checks,
    figures: firstFigures(faults, isPoor),
    real,
  }
}

function laterDice(seed: number): LaterDice {
  return { contract: new Random(seed, CONTRACT_FAULTS_STREAM), host: new Random(seed, HOST_FAULTS_STREAM) }
}

type Owners = {
  readonly owners: Map<string, Signer>
  readonly roster: { readonly id: string; readonly recipient: Address }[]
  readonly openings: Genesis['openings']
}

/** Some stand in the roster, some may be registered later, and one id is its owner's address. */
function drawOwners(random: Random): Owners {
  const owners = new Map<string, Signer>()
  const roster = Array.from({ length: 2 + random.below(5) }, (_, at) => {
    const owner = drawSigner(random)
    owners.set(`orch-${at}`, owner)
    return { id: `orch-${at}`, recipient: owner.address }
  })
  // Two accounts may share a recipient: each of them is owed its own credits.
  const twin = owners.get('orch-0')
  if (random.chance(200) && twin !== undefined) {
    owners.set('orch-twin', twin)
    roster.push({ id: 'orch-twin', recipient: twin.address })
  }
  const self = drawSigner(random)
  for (const id of ['late-a', 'late-b']) owners.set(id, drawSigner(random))
  owners.set(self.address, self)
  const opening = drawSigner(random)
  if (!random.chance(300)) return { owners, roster, openings: [] }
  owners.set('opening', opening)
  return { owners, roster, openings: [{ id: 'opening', wei: wei(7n * 10n ** 17n), recipient: opening.address }] }
}

/** One for each account; nobody in a world that stays young. */
function drawHeirs(random: Random, owners: ReadonlyMap<string, Signer>): Map<string, Signer> {
  if (!random.chance(AGED_PERMILLE)) return new Map()
  return new Map([...owners.keys()].map((id) => [id, drawSigner(random)]))
}

function drawPolicy(random: Random, anchor: Address, governed: Partial<Policy>): Policy {
  return aPolicy({
    ...governed,
    anchor,
    broker: BROKER,
    strategy: random.pick(['ticket', 'ticket', 'transfer'] as const),
    treasuryOwner: toHex(random.bytes(20)) as Address,
    payoutWeiMax: wei(random.pick([ETHER_WEI, 4n * ETHER_WEI])),
    commitWeiMax: wei(random.pick([3n * ETHER_WEI, 100n * ETHER_WEI])),
    payoutsPerCommitMax: random.pick([3, 50]),
    cadenceSeconds: random.pick([0, 60]),
    signaturesPerSequenceMax: random.pick([2, 8]),
    backoffSequencesMax: random.pick([1, 4]),
    accountsMax: random.pick([10, 10_000]),
    gasMax: 16_000_000,
  })
}

/** Windows that a busy world comes up against, both of payees and of whoever brings credits. */
function withCaps(policy: Policy): Policy {
  const { source, ...payees } = CAPS
  const reporters = policy.reporters.map(({ address }) => ({ address, ...source }))
  return { ...policy, ...payees, windowSeconds: WINDOW_SECONDS, journal: source, reporters }
}

/** A hash for a round: unknowable before, and another one after a reorganisation. */
export function roundHashOf(random: Random, round: number): Hash {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, round)
  bytes.set(random.bytes(SALT_BYTES), 4)
  return toHash(bytes)
}

/** Which faults this world knows; that its treasury began too small is one that struck already. */
function firstFigures(faults: Faults, isPoor: boolean): Map<string, number> {
  const figures = new Map(FAULT_NAMES.filter((name) => faults[name] > 0).map((name) => [`known ${name}`, 1]))
  return isPoor ? figures.set('fault underfunded', 1) : figures
}

/** Counts that something happened: a world in which nothing happens proves nothing. */
export function count(world: World, what: string, times = 1): void {
  world.figures.set(what, (world.figures.get(what) ?? 0) + times)
}

/** Whether a fault strikes here and now; `times` where it is to come oftener than it was drawn. */
export function strikes(world: World, name: FaultName, times = 1): boolean {
  const strikesNow = world.random.chance(world.faults[name] * times)
  if (strikesNow) struck(world, name)
  return strikesNow
}

/** A fault that the schedule drew did something. */
export function struck(world: World, name: FaultName): void {
  count(world, `fault ${name}`)
}
