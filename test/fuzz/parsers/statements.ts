/** Statements of a balance: an orchestrator has one from whoever passed it on, and two readers judge it. */
import { verifyBalance } from '../../../auditor/promises.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { type Address, type Hash, toHex } from '../../../enclave/protocol/ids.ts'
import type { MethodResults } from '../../../enclave/protocol/method-results.ts'
import { parseResult } from '../../../host/enclave-results.ts'
import { EXIT_OK } from '../../../scripts/cli/answer.ts'
import { runCli } from '../../../scripts/cli/program.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { closeWorlds } from '../../builders/worlds.ts'
import { ACCEPTED, bytesOf, demand, isSame, type Outcome, type Target, textOf } from '../engine/target.ts'
import { aGovernedWorld } from '../governed-log.ts'
import { changeBytes, changeInside, changeMeaning, doubleKey, type Value } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'
import { demandReadable, type Said, saying } from './terminal.ts'

type Proven = MethodResults['prove_balance']

type Place = {
  readonly chainId: number
  readonly anchor: Address
  /** Of the newest header: what the reader looked up himself. */
  readonly next: Hash
  /** What the enclave says of each account, and that as a file. */
  readonly statements: ReadonlyMap<string, { readonly proven: Proven; readonly file: Uint8Array }>
}

function newPlace(): Place {
  const { world, boot } = aGovernedWorld()
  const { chainId, anchor } = world.configuration
  const ids = (boot.instance.state?.accounts ?? []).map(({ id }) => id).filter((id) => id !== '')
  const proven = ids.flatMap((id) => {
    try {
      return [parseResult('prove_balance', boot.call('prove_balance', { orchestrator_id: id }))]
    } catch {
      // An account that is younger than the newest header stands in none.
      return []
    }
  })
  closeWorlds()
  const next = proven[0]?.headerHash
  if (next === undefined) throw new Error('expected an account in a header')
  return { chainId, anchor, next, statements: new Map(proven.map((one) => [one.account.orchestratorId, written(one)])) }
}

/** As `anchorhold prove-balance --out` writes it. */
function written(proven: Proven): { readonly proven: Proven; readonly file: Uint8Array } {
  const statement = { ...proven, proof: proven.proof.map(toHex) }
  const text = JSON.stringify(statement, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
  return { proven, file: bytesOf(text) }
}

let known: Place | undefined

function thePlace(): Place {
  known ??= newPlace()
  return known
}

function changeStatement(dice: Dice, input: Uint8Array): Uint8Array {
  const kind = dice.below(8)
  if (kind === 0) return changeBytes(dice, input)
  if (kind < 3) return doubleKey(dice, input)
  if (kind === 3) return changeInside(dice, input)
  try {
    return bytesOf(JSON.stringify(changeMeaning(dice, JSON.parse(textOf(input)) as Value)))
  } catch {
    // What is no JSON any more has no meaning to change.
    return changeBytes(dice, input)
  }
}

const READER_CODES: readonly string[] = ['CONFIG_INVALID', 'PARAMS_INVALID']
const CLI_CODES: readonly string[] = ['STATEMENT_INVALID', 'PARAMS_INVALID', 'CONFIG_INVALID']

const balanceStatement: Target = {
  name: 'balance-statement',
  claim: 'proves of an account what the enclave said of it and nothing else, and both readers agree on what is proven',
  inputs: 150,
  seeds: () => [...thePlace().statements.values()].map(({ file }) => file),
  mutate: changeStatement,
  run: async (input) => {
    const { chainId, anchor, next } = thePlace()
    const path = aFile('statement.json', input)
    const said: Said = { out: '', err: '' }
    const words = ['verify-balance', path, '--anchor', anchor, '--chain-id', `${chainId}`, '--next', next, '--json']
    const code = await runCli(words, saying(said, aFolder()))
    demandReadable(said)
    const told = JSON.parse(said.out) as { verdict?: string; id?: string; code?: string; fault?: string }
    const judged = await judgedByAuditor(path, told.id ?? idIn(input))
    if (code !== EXIT_OK) return refusedBy(told, judged)
    demand(judged === 'given', `the auditor proves it too, not ${judged}`)
    const proven = thePlace().statements.get(told.id ?? '')?.proven
    demand(proven !== undefined, 'an account of the ledger')
    demandMeant(told, proven)
    return ACCEPTED
  },
  close: () => {
    known = undefined
    removeFiles()
  },
}

/** The verdict or the fault, or the code of the refusal. */
async function judgedByAuditor(path: string, id: string): Promise<string> {
  const { chainId, anchor, next } = thePlace()
  try {
    const verdict = await verifyBalance(path, id, { chainId, anchor, landing: { from: 'next', next } })
    return verdict.kind === 'invalid' ? verdict.fault : verdict.kind
  } catch (error) {
    if (isCoded(error) && READER_CODES.includes(error.code)) return error.code
    throw error
  }
}

function refusedBy({ code, fault }: { readonly code?: string; readonly fault?: string }, judged: string): Outcome {
  demand(judged !== 'given', 'what one reader refuses the other does not prove')
  if (fault !== undefined) {
    demand(fault === judged, `one fault, not ${fault} and ${judged}`)
    return 'STATEMENT_INVALID'
  }
  demand(code !== undefined && CLI_CODES.includes(code), `a code for a statement, not ${code}`)
  return code as Outcome
}

/** The id that the file itself names, as far as it can be read. */
function idIn(input: Uint8Array): string {
  try {
    const { account } = JSON.parse(textOf(input)) as { account?: { orchestratorId?: unknown } }
    return String(account?.orchestratorId)
  } catch {
    // Then nobody proves anything.
    return ''
  }
}

function demandMeant(told: object, { header, account }: Proven): void {
  const { creditedWei, paidWei, reservedWei, recipient } = account
  const meant = {
    ...{ creditedWei: `${creditedWei}`, paidWei: `${paidWei}`, reservedWei: `${reservedWei}`, recipient },
    balanceWei: `${creditedWei - paidWei - reservedWei}`,
    sequence: header.sequence,
  }
  const said = Object.fromEntries(Object.keys(meant).map((name) => [name, (told as { [name: string]: unknown })[name]]))
  demand(isSame(said, meant), 'every amount, the recipient and the sequence as the enclave said them')
}

export const STATEMENTS: readonly Target[] = [balanceStatement]
