import { network } from 'hardhat'
import {
  type Address,
  getAddress,
  getContract,
  type Hex,
  keccak256,
  parseEther,
  type TypedDataDomain,
  toHex,
  zeroHash,
} from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { installWorld, readArtifact, TICKET_BROKER_ABI, WORLD, WORLD_ABI } from '../../scripts/chain/world.ts'
import {
  ANCHOR_TYPES,
  addressOf,
  type Commit,
  keyOf,
  type Open,
  type Payee,
  packPayouts,
  payoutsHashOf,
  type Rotate,
  signTicket,
  ticketOf,
  word,
} from './wire.ts'

export type Rules = 'v1' | 'v2'
export const RULES: readonly Rules[] = ['v1', 'v2']

export const TREASURY_WEI = parseEther('100')
export const ROUND_LENGTH_BLOCKS = 5_760n
const TRANSCODERS = 40
const GAS_LIMIT = 30_000_000n

/** What a test says about a paying commit; all else comes from the chain. */
export interface PayOptions {
  readonly tickets?: readonly Payee[]
  readonly transfers?: readonly Payee[]
  readonly skip?: bigint
  readonly firstPayoutId?: bigint
  readonly round?: bigint
  readonly roundHash?: Hex
  /** Changes the packed payouts before they are hashed and signed. */
  readonly edit?: (payouts: Hex) => Hex
  readonly commit?: Partial<Commit>
  readonly signer?: PrivateKeyAccount
}

export type Stage = Awaited<ReturnType<typeof openStage>>

/** The sessions that a stage can sign for. */
const SESSIONS: readonly PrivateKeyAccount[] = [1, 2, 3, 4].map((n) => keyOf(`session ${n}`))

/** Transcoders that every stage has registered and active. */
export const payees: readonly Address[] = Array.from({ length: TRANSCODERS }, (_, i) => addressOf(`payee ${i}`))

export interface StageOptions {
  readonly rules?: Rules
  /** Registered in this round and active from the next one on. */
  readonly bondedOnly?: readonly Address[]
  /** Creation code in place of the built anchor's: a mutant with a protection taken out. */
  readonly anchorBytecode?: Hex
}

/**
 * A stage for the tests of one `describe`: opened once, and put back before each test. Call the answer inside tests.
 */
export function useStage(
  options: StageOptions = {},
  make: (options: StageOptions) => Promise<Stage> = openStage,
): () => Stage {
  let stage: Stage | undefined
  let snapshot: Awaited<ReturnType<Stage['tester']['takeSnapshot']>> | undefined
  before(async () => {
    stage = await make(options)
    snapshot = await stage.tester.takeSnapshot()
  })
  beforeEach(async () => snapshot?.restore())
  return () => {
    if (stage === undefined) throw new Error('the stage stands inside tests only')
    return stage
  }
}

/** A fresh chain with the Livepeer world, a funded anchor, its authority appointed and a session open. */
export async function openStage(options: StageOptions = {}) {
  const stage = await openBareStage(options)
  await stage.anchor.write.appointAuthority([stage.authority.address], { account: stage.guardian.account })
  await stage.tester.setBalance(stage.anchor.address, TREASURY_WEI)
  await stage.open(keyOf('session 1'))
  return stage
}

/** The same without an authority, a treasury or a session. */
export async function openBareStage(options: StageOptions = {}) {
  const bare = await openChain(options)
  return { ...bare, ...actions(bare) }
}

type Bare = Awaited<ReturnType<typeof openChain>>

async function openChain(options: StageOptions) {
  const { viem, networkHelpers, provider } = await network.create()
  const [owner, guardian, relayer, stranger] = await viem.getWalletClients()
  if (!owner || !guardian || !relayer || !stranger) throw new Error('expected four accounts of the embedded chain')
  const publicClient = await viem.getPublicClient()
  const mined = async (hash: Hex) => publicClient.waitForTransactionReceipt({ hash })
  const deps = {
    setCode: (address: Address, code: Hex) => networkHelpers.setCode(address, code),
    send: async (transaction: { to: Address; data: Hex; value?: bigint }) => {
      const receipt = await mined(await owner.sendTransaction({ ...transaction, gas: GAS_LIMIT }))
      if (receipt.status !== 'success') throw new Error(`world: ${transaction.data.slice(0, 10)} failed`)
    },
    artifact: (name: string) => readArtifact(name),
  }
  await installWorld(deps, {
    owner: owner.account.address,
    rules: options.rules ?? 'v2',
    roundLengthBlocks: ROUND_LENGTH_BLOCKS,
    ticketValidityPeriodRounds: 2n,
    unlockPeriodRounds: 2n,
    transcoders: payees,
    bondedOnly: options.bondedOnly ?? [],
  })
  const { abi, bytecode } = await readArtifact('LedgerAnchor')
  const args = [WORLD.ticketBroker, guardian.account.address]
  const created = await mined(await owner.deployContract({ abi, bytecode: options.anchorBytecode ?? bytecode, args }))
  if (!created.contractAddress) throw new Error('the anchor was not created')
  const client = { public: publicClient, wallet: owner }
  const anchor = getContract({ address: getAddress(created.contractAddress), abi: ANCHOR_ABI, client })
  return {
    viem,
    provider,
    tester: networkHelpers,
    publicClient,
    mined,
    deps,
    owner,
    guardian,
    relayer,
    stranger,
    anchor,
    domain: {
      name: 'Anchorhold',
      version: '1',
      chainId: await publicClient.getChainId(),
      verifyingContract: anchor.address,
    } satisfies TypedDataDomain,
    authority: keyOf('authority'),
    broker: getContract({ address: WORLD.ticketBroker, abi: TICKET_BROKER_ABI, client }),
    rounds: getContract({ address: WORLD.roundsManager, abi: WORLD_ABI, client }),
    bonding: getContract({ address: WORLD.bondingManager, abi: WORLD_ABI, client }),
    controller: getContract({ address: WORLD.controller, abi: WORLD_ABI, client }),
  }
}

function actions(bare: Bare) {
  const { anchor, domain, relayer, mined } = bare

  const signOpen = (message: Open, signer = bare.authority) =>
    signer.signTypedData({ domain, types: ANCHOR_TYPES, primaryType: 'Open', message })

  const signOpenIn = (other: TypedDataDomain, message: Open) =>
    bare.authority.signTypedData({ domain: other, types: ANCHOR_TYPES, primaryType: 'Open', message })

  const signRotate = (message: Rotate, signer = bare.authority) =>
    signer.signTypedData({ domain, types: ANCHOR_TYPES, primaryType: 'Rotate', message })

  const signCommit = async (message: Commit, signer?: PrivateKeyAccount) => {
    const key = signer ?? (await sessionKey())
    return key.signTypedData({ domain, types: ANCHOR_TYPES, primaryType: 'Commit', message })
  }

  /** The key behind the stored session, so that nothing has to be remembered across a snapshot. */
  async function sessionKey(): Promise<PrivateKeyAccount> {
    const stored = await anchor.read.session()
    return SESSIONS.find(({ address }) => address === stored) ?? keyOf('no session')
  }

  async function anOpen(next: PrivateKeyAccount): Promise<Open> {
    const epoch = Number(await anchor.read.epoch()) + 1
    const head = await anchor.read.head()
    return { epoch, head, session: next.address, attestationDigest: word(7) }
  }

  async function open(next: PrivateKeyAccount) {
    const message = await anOpen(next)
    return mined(await anchor.write.openSession([message, await signOpen(message)], { account: relayer.account }))
  }

  async function aCommit(overrides: Partial<Commit> = {}): Promise<Commit> {
    const sequence = Number(await anchor.read.sequence()) + 1
    return {
      epoch: Number(await anchor.read.epoch()),
      sequence,
      prev: await anchor.read.head(),
      next: keccak256(toHex(`header ${sequence}`)),
      payoutsHash: zeroHash,
      balanceRoot: word(11),
      logRoot: word(12),
      logSize: BigInt(sequence) * 10n,
      ...overrides,
    }
  }

  async function roundFields() {
    const round = await bare.rounds.read.currentRound()
    return { round, roundHash: await bare.rounds.read.blockHashForRound([round]) }
  }

  /** The arguments of commitAndPay, signed: nothing has been sent yet. */
  async function aPayment(options: PayOptions) {
    const tickets = options.tickets ?? []
    const empty = { round: 0n, roundHash: zeroHash }
    const found = tickets.length > 0 ? await roundFields() : empty
    const head = {
      round: options.round ?? found.round,
      roundHash: options.roundHash ?? found.roundHash,
      firstPayoutId: options.firstPayoutId ?? 1n,
    }
    const session = await sessionKey()
    const signed = await Promise.all(
      tickets.map(async (payee, i) => {
        const made = ticketOf({
          sender: bare.authority.address,
          session: session.address,
          payee,
          payoutId: head.firstPayoutId + BigInt(i),
          ...head,
        })
        const signature = await signTicket(bare.authority, made.ticket)
        return { ...made, ...signature, ...payee, signature: signature.compact }
      }),
    )
    const packed = packPayouts(head, { tickets: signed, transfers: options.transfers ?? [] })
    const payouts = options.edit?.(packed) ?? packed
    const skip = options.skip ?? 0n
    const commit = await aCommit({ payoutsHash: payoutsHashOf(payouts, skip), ...options.commit })
    const sig = await signCommit(commit, options.signer)
    return { args: [commit, payouts, skip, sig] as const, tickets: signed, commit }
  }

  /** Sends a signed payment with a fixed gas limit, by the relayer unless told otherwise. */
  async function send(payment: { args: Awaited<ReturnType<typeof aPayment>>['args'] }, gas = GAS_LIMIT) {
    return mined(await anchor.write.commitAndPay([...payment.args], { account: relayer.account, gas }))
  }

  async function pay(options: PayOptions) {
    const payment = await aPayment(options)
    return { ...payment, receipt: await send(payment) }
  }

  /** What the broker holds for the authority: zero, or somebody's donation. */
  async function depositWei() {
    const [sender] = await bare.broker.read.getSenderInfo([bare.authority.address])
    return sender.deposit
  }

  return {
    signOpen,
    signOpenIn,
    signRotate,
    signCommit,
    anOpen,
    open,
    aCommit,
    aPayment,
    send,
    pay,
    depositWei,
    roundFields,
  }
}
