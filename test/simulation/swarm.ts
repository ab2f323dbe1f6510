/**
 * Swarm testing: each seed draws which faults exist in its world and how savage they are. A world with all faults at once
 * hardly gets anywhere; one with two or three gets deep.
 */
import type { Random } from './random.ts'

/** Each fault by name: how many times in a thousand it strikes where it could. Zero: this world does not know it. */
const FAULTS = {
  /** A reply never reaches the host; the enclave has acted. */
  lostReply: 60,
  /** A request is sent twice. */
  repeated: 100,
  /** The enclave's process dies. */
  killed: 20,
  /** Another enclave is started on some blob. */
  clone: 40,
  /** A load takes a prefix that does not follow from the chain. */
  staleLoad: 200,
  /** The claim of a load is made up. */
  lyingClaim: 200,
  /** The enclave is told that a session landed, which did not. */
  lyingSession: 150,
  /** The enclave is told another bitmap, or that a commit landed which did not. */
  lyingBitmap: 200,
  /** A signed call is not broadcast now; it may be, much later. */
  withheld: 200,
  /** An old call is broadcast again. */
  replayed: 60,
  /** Nonsense arrives at the enclave's socket. */
  garbage: 60,
  /** Sealed records are flipped, dropped, doubled or swapped before a load. */
  brokenRecord: 120,
  /** Another journal is offered from some line on. */
  forkedJournal: 30,
  /** Lines are offered at the wrong place. */
  misplacedLines: 100,
  /** The host shows the enclave another time. */
  clockSkew: 40,
  /** The newest blocks are replaced. */
  reorg: 30,
  /** The transactions of a replaced block are forgotten. */
  reorgForgets: 400,
  /** The base fee rises above what was signed. */
  feeSpike: 40,
  /** The treasury has too little. */
  underfunded: 250,
  /** A recipient cannot be paid. */
  unpayable: 60,
  /** Livepeer's controller is paused, or a round is not opened. */
  brokerStops: 30,
  /** The guardian freezes the anchor. */
  frozen: 10,
  /** Somebody gives to the authority's deposit at the broker. */
  donation: 40,
  /** Somebody redeems a ticket of ours outside the anchor. */
  strayRedeem: 60,
  /** The endpoint shows an earlier block. */
  rpcBehind: 150,
  /** The endpoint makes up what the anchor says. */
  rpcInvents: 60,
  /** What was written and not synced is lost with the host, its last record torn. */
  diskTears: 30,
  /** Every sealed blob is lost at once. */
  blobsLost: 5,
  /** Somebody signs whom the policy does not name, or too few of those whom it names. */
  forged: 150,
  /** A reporter loses an event, and gives its number up. */
  abandoned: 100,
  /** A ledger is begun once more. */
  genesisAgain: 15,
  /** A call is relayed by somebody else's account. */
  relayed: 300,
  /** A commit is signed again although nothing is wrong with it. */
  resigned: 100,
  /** A payout is left out that could be paid. */
  skipped: 150,
  /** The endpoint is right about the head, and wrong about what lies beside it. */
  rpcMisleads: 80,
  /** A signed call is broadcast with something changed in it. */
  tampered: 50,
  /** What a quorum, a registrar or an owner signed once is brought to some enclave again. */
  replayedAct: 50,
  /** A commit is asked for with more than the treasury holds. */
  overspent: 150,
} as const

/** These came later, each group drawn from a stream of its own: worlds that know none of them are what they were. */
const CONTRACT_FAULTS = {
  /** A payee's code calls back into the anchor with some call that was signed. */
  reentrant: 60,
  /** A call is relayed with too little gas for a transfer. */
  starved: 60,
  /** Livepeer's governance puts a broker in place that takes money and redeems nothing. */
  brokerKeeps: 30,
} as const
const HOST_FAULTS = {
  /** The host has an enclave halt. */
  haltedByHost: 10,
  /** A host feeds an enclave and acknowledges nothing, until it takes no more. */
  unacknowledged: 2,
} as const

const ALL_FAULTS = { ...FAULTS, ...CONTRACT_FAULTS, ...HOST_FAULTS }

/** The dice of faults that came later. */
export type LaterDice = { readonly contract: Random; readonly host: Random }

export type FaultName = keyof typeof ALL_FAULTS
export type Faults = { readonly [name in FaultName]: number }

export const FAULT_NAMES = Object.keys(ALL_FAULTS) as readonly FaultName[]
const PERMILLE_MAX = 900
/** How savage, as a factor. */
const LEVELS = [0.3, 1, 1, 3]
/** How many of a thousand faults exist in a world. */
const DENSITIES = [80, 200, 350, 600]

export function drawFaults(random: Random, { contract, host }: LaterDice): Faults {
  const density = random.pick(DENSITIES)
  return mapFaults((name) => {
    const dice = name in CONTRACT_FAULTS ? contract : name in HOST_FAULTS ? host : random
    const permille = Math.min(PERMILLE_MAX, Math.ceil(ALL_FAULTS[name] * dice.pick(LEVELS)))
    return dice.chance(density) ? permille : 0
  })
}

/** What the end of every world has: no fault at all. */
export const NO_FAULTS: Faults = mapFaults(() => 0)

function mapFaults(level: (name: FaultName) => number): Faults {
  return Object.fromEntries(FAULT_NAMES.map((name) => [name, level(name)])) as Faults
}
