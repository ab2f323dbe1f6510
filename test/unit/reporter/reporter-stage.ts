/** A reporter with a file of its own before a real enclave of a governed ledger, and a host that may lose what it likes. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { CodedError, type ErrorCode } from '../../../enclave/protocol/errors.ts'
import type { Ledger } from '../../../enclave/protocol/typed-data.ts'
import { ledgerIdOf } from '../../../enclave/protocol/typed-data.ts'
import { parseResult } from '../../../host/enclave-results.ts'
import { type CreditEvent, parseEventLine } from '../../../reporter/event.ts'
import { type Key, readKey } from '../../../reporter/key.ts'
import type { Form } from '../../../reporter/messages.ts'
import type { Door, Reporting } from '../../../reporter/reporter.ts'
import { openStore, type ReporterStore } from '../../../reporter/store.ts'
import { aGenesis, aPolicy, type Boot, Refused, World } from '../../builders/boot.ts'
import { UNCAPPED_WEI } from '../../builders/governance.ts'
import { GOVERNED } from '../../builders/governors.ts'

export const KEY_TEXT = '11'.repeat(32)

export type Stage = {
  readonly world: World
  readonly ledger: Ledger
  readonly key: Key
  readonly path: string
  /** The boot that the door leads to. */
  boot: Boot
  reporting(form?: Form): Promise<Reporting>
  /** Closed with the stage. */
  keep(store: ReporterStore): ReporterStore
  close(): Promise<void>
}

export async function aStage(): Promise<Stage> {
  const key = await readKey({ file: undefined, text: KEY_TEXT })
  const reporters = [{ address: key.address, windowWeiMax: UNCAPPED_WEI, lifetimeWeiMax: UNCAPPED_WEI }]
  const policy = aPolicy({ ...GOVERNED, reporters })
  const world = new World(aGenesis({ policy }))
  const { chainId, anchor } = world.configuration
  const stores: ReporterStore[] = []
  const stage: Stage = {
    world,
    ledger: { chainId, anchor },
    key,
    path: join(world.folder, 'reporter', 'numbers.log'),
    boot: world.active(),
    keep: (store) => {
      stores.push(store)
      return store
    },
    reporting: async (form = 'batch') => {
      const owner = { ledgerId: ledgerIdOf(stage.ledger), reporter: key.address }
      const store = stage.keep(await openStore(stage.path, owner))
      return { ledger: stage.ledger, key, store, form, door: doorOf(stage), now: () => world.nowSeconds }
    },
    close: async () => {
      for (const store of stores) await store.close()
      rmSync(world.folder, { recursive: true })
    },
  }
  return stage
}

/** What the host would do: pass the call on, and keep what is released. */
export function doorOf(stage: Pick<Stage, 'boot'>): Door {
  return {
    reporter: async (reporter) =>
      parseResult(
        'reporter',
        call(() => stage.boot.call('reporter', { reporter })),
      ),
    creditSigned: async (params) => parseResult('credit_signed', kept(stage.boot, 'credit_signed', params)),
    creditBatch: async (params) => parseResult('credit_batch', kept(stage.boot, 'credit_batch', params)),
    skipSequence: async (params) => parseResult('skip_sequence', kept(stage.boot, 'skip_sequence', params)),
  }
}

function kept(boot: Boot, method: string, params: object): unknown {
  return call(() => boot.store(method, params))
}

function call(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    if (error instanceof Refused) throw new CodedError(error.code as ErrorCode, error.message)
    throw error
  }
}

/** The code that a promise is refused with; fails when it is not. */
export async function refusedWith(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
  throw new Error('nothing was refused')
}

export function anEvent(number: number, over: Partial<{ [name: string]: string }> = {}): CreditEvent {
  const line = {
    orchestratorId: `orch-${number % 5}`,
    amountWei: `${1_000_000_000_000_000 + number}`,
    eventId: `event-${number}`,
    workHash: `0x${number.toString(16).padStart(64, '0')}`,
    ...over,
  }
  return parseEventLine(JSON.stringify(line), number)
}

export function events(from: number, to: number): CreditEvent[] {
  return Array.from({ length: to - from + 1 }, (_, at) => anEvent(from + at))
}
