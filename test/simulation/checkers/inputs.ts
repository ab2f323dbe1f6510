/** What a landed log takes in, held against what was really written, reported and signed: in order, once, and by whom. */
import { nextJournalHead } from '../../../enclave/core/journal.ts'
import type { Entry } from '../../../enclave/protocol/entry.ts'
import { type Address, fromHex, type Hash, toHash, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import type { DeskCredit } from '../governance.ts'
import type { LogNode } from '../log-branch.ts'
import type { Inputs, World } from '../scene.ts'
import { claim } from '../violation.ts'
import { isNamed, payeeOf, takeAccount, takeNamed, takeRegister, takeReserve } from './payees.ts'
import { claimSigned } from './signed.ts'

const CONTIGUOUS = 'inputs are contiguous'
const MEANT = 'inputs mean what was said'
const NAMED = 'only who is named may act'

type Of<T extends Entry['type']> = Extract<Entry, { type: T }>['body']

export function inputsAfter(world: World, before: Inputs | undefined, path: readonly LogNode[]): Inputs {
  const inputs = before === undefined ? newInputs(world) : copyOf(before)
  for (const { entry } of path) take(world, inputs, entry)
  return inputs
}

function newInputs({ genesis }: World): Inputs {
  const { policy, journalSize, journalHead } = genesis
  return {
    journalSize,
    journalHead,
    policyVersion: 1,
    treasuryOwner: policy.treasuryOwner,
    adjustSeq: 0,
    drainSeq: 0,
    sequence: 0,
    at: 0,
    route: policy.credits,
    sequences: new Map(),
    ids: new Map(),
    creditedWei: new Map(),
    payees: new Map(),
  }
}

function copyOf(inputs: Inputs): Inputs {
  const { sequences, ids, creditedWei, payees } = inputs
  return {
    ...inputs,
    sequences: new Map(sequences),
    ids: new Map(ids),
    creditedWei: new Map(creditedWei),
    payees: new Map(payees),
  }
}

function take(world: World, inputs: Inputs, entry: Entry): void {
  inputs.at = entry.at
  switch (entry.type) {
    case 'register':
      return takeRegister(world, inputs, entry.body)
    case 'reserve':
      return takeReserve(world, inputs, entry.body)
    case 'settle':
      inputs.sequence = entry.body.sequence
      return
    case 'credit':
      return takeCredit(world, inputs, entry.body)
    case 'credits':
      return takeBatch(world, inputs, entry.body)
    case 'adjust':
      return takeAdjust(world, inputs, entry.body)
    case 'refuse':
      return takeRefuse(world, inputs, entry.body)
    case 'reset':
      claimSigned(world, `reset ${entry.body.atSize} ${entry.body.newHead}`)
      inputs.journalHead = entry.body.newHead
      return
    case 'policy':
      claim(CONTIGUOUS, entry.body.version === inputs.policyVersion + 1, () => `policy ${entry.body.version}`)
      claimSigned(world, `policy ${entry.body.policyHash}`)
      inputs.policyVersion = entry.body.version
      inputs.treasuryOwner = entry.body.policy.treasuryOwner
      inputs.route = entry.body.policy.credits
  }
}

function add({ creditedWei }: Inputs, id: string, wei: bigint): void {
  creditedWei.set(id, (creditedWei.get(id) ?? 0n) + wei)
}

function takeCredit(world: World, inputs: Inputs, body: Of<'credit'>): void {
  const { id, wei } = body
  takeAccount(inputs, body)
  if (body.source === 'journal') {
    const meant = world.lines.get(body.hash)
    claim(MEANT, meant?.id === id && meant.wei === wei, () => `line ${body.line} credits ${wei} wei to ${id}`)
    takeLine(inputs, body)
  } else if (body.source === 'signed') {
    takeNumbers(inputs, body.reporter, body.rseq, 1)
    claimReported(world, body.reporter, body.rseq, body)
    takeNamed(inputs, id, body.recipient)
  } else {
    const opening = world.genesis.openings.find((one) => one.id === id)
    claim(MEANT, opening?.wei === wei, () => `${id} opens with ${wei} wei`)
  }
  add(inputs, id, wei)
}

function takeLine(inputs: Inputs, { line, hash }: { readonly line: number; readonly hash: Hash }): void {
  claim(CONTIGUOUS, line === inputs.journalSize, () => `line ${line} after ${inputs.journalSize} lines`)
  inputs.journalSize++
  inputs.journalHead = toHash(nextJournalHead(fromHex(inputs.journalHead), fromHex(hash)))
}

function takeNumbers({ sequences }: Inputs, reporter: Address, first: number, count: number): void {
  const expected = sequences.get(reporter) ?? 1
  claim(CONTIGUOUS, first === expected, () => `number ${first} of ${reporter}, not ${expected}`)
  sequences.set(reporter, first + count)
}

type Said = { readonly id: string; readonly wei: bigint; readonly recipient: Address; readonly eventId: string }

function claimReported(world: World, reporter: Address, rseq: number, said: Said): void {
  const desk = world.governance?.desks.find(({ address }) => address === reporter)
  const credit: DeskCredit | undefined = desk?.credits[rseq - 1]
  const same =
    credit?.orchestratorId === said.id &&
    credit.amountWei === said.wei &&
    credit.recipient === said.recipient &&
    credit.eventId === said.eventId
  claim(MEANT, same, () => `number ${rseq} of ${reporter} credits ${said.wei} wei to ${said.id}`)
}

function takeBatch(world: World, inputs: Inputs, body: Of<'credits'>): void {
  const first = body.firstSeq + body.from
  takeNumbers(inputs, body.reporter, first, body.credits.length)
  for (const [at, credit] of body.credits.entries()) {
    claimReported(world, body.reporter, first + at, credit)
    if (credit.code !== null) {
      claimDeserved(world, inputs, credit.code, credit)
      continue
    }
    takeAccount(inputs, credit)
    add(inputs, credit.id, credit.wei)
    takeNamed(inputs, credit.id, credit.recipient)
  }
}

function takeAdjust(world: World, inputs: Inputs, body: Of<'adjust'>): void {
  switch (body.source) {
    case 'journal': {
      const meant = world.lines.get(body.hash)
      claim(MEANT, meant?.id === body.id && meant.wei === body.delta, () => `line ${body.line} adds ${body.delta} wei`)
      add(inputs, body.id, body.delta)
      return takeLine(inputs, body)
    }
    case 'quorum':
      claim(CONTIGUOUS, body.adjustSeq === inputs.adjustSeq + 1, () => `adjustment ${body.adjustSeq}`)
      claimSigned(world, `adjust ${body.adjustSeq} ${body.id} ${body.delta}`)
      inputs.adjustSeq = body.adjustSeq
      add(inputs, body.id, body.delta)
      return
    case 'drain':
      claim(CONTIGUOUS, body.drainSeq === inputs.drainSeq + 1, () => `drain ${body.drainSeq}`)
      claimSigned(world, `drain ${body.drainSeq} ${body.wei}`)
      inputs.drainSeq = body.drainSeq
      add(inputs, '', body.wei)
  }
}

type Refused = { readonly id: string; readonly wei: bigint; readonly recipient: Address }

/** Nothing is wrong with it: only what the ledger is at that moment can be why it is refused. */
function claimDeserved(world: World, inputs: Inputs, code: string, refused: Refused): void {
  claim(
    MEANT,
    mayBeRefused(world, inputs, code, refused),
    () => `${refused.wei} wei for ${refused.id} refused as ${code}`,
  )
}

function mayBeRefused({ isCapped }: World, inputs: Inputs, code: string, { id, wei, recipient }: Refused): boolean {
  switch (code) {
    case 'OVERDRAW':
      return wei < 0n
    case 'LEDGER_FULL':
      return wei > 0n && !inputs.creditedWei.has(id) && !inputs.payees.has(id)
    case 'CREDIT_CAP':
      return wei > 0n && isCapped
    case 'ROUTE_CLOSED':
      return inputs.route !== 'signed'
    case 'RECIPIENT_MISMATCH':
      return recipient !== ZERO_ADDRESS && !isNamed(payeeOf(inputs, id), recipient)
    case 'RECIPIENT_FORBIDDEN':
      return recipient !== ZERO_ADDRESS
    default:
      return false
  }
}

function takeRefuse(world: World, inputs: Inputs, body: Of<'refuse'>): void {
  switch (body.source) {
    case 'journal': {
      const meant = world.lines.get(body.hash)
      if (meant !== undefined) claimDeserved(world, inputs, body.code, { ...meant, recipient: ZERO_ADDRESS })
      return takeLine(inputs, body)
    }
    case 'signed': {
      const credit = world.governance?.desks.find(({ address }) => address === body.reporter)?.credits[body.rseq - 1]
      claim(MEANT, credit !== undefined, () => `number ${body.rseq} of ${body.reporter} was never reported`)
      claimDeserved(world, inputs, body.code, { ...credit, id: credit.orchestratorId, wei: credit.amountWei })
      return takeNumbers(inputs, body.reporter, body.rseq, 1)
    }
    case 'skipped': {
      const desk = world.governance?.desks.find(({ address }) => address === body.reporter)
      const isSigned = desk?.skips.has(`${body.fromSeq} ${body.toSeq}`) === true
      claim(NAMED, isSigned, () => `numbers ${body.fromSeq} to ${body.toSeq} were never given up`)
      takeNumbers(inputs, body.reporter, body.fromSeq, body.toSeq - body.fromSeq + 1)
    }
  }
}
