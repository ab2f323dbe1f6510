/** A whole machine whose ledger takes signed credits, and the people who sign for it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Address, toAddress } from '../../enclave/protocol/ids.ts'
import { openOutbox } from '../../host/outbox.ts'
import { readKey } from '../../reporter/key.ts'
import { UNCAPPED_WEI } from '../builders/governance.ts'
import { typed, type Value } from './cli-run.ts'
import { startWorld, until, type World, type WorldOptions } from './pipeline-world.ts'

export const PEOPLE = ['reporter', 'admin1', 'admin2', 'admin3', 'registrar', 'newcomer', 'other'] as const
export type Person = (typeof PEOPLE)[number]
export const SETTLED_MS_MAX = 60_000
export const STAGES = ['ingest', 'prepare', 'broadcast', 'confirm'] as const

export type People = { readonly [name in Person]: { readonly address: Address; readonly keyFile: string } }

export type Authority = {
  readonly world: World
  readonly people: People
  /** A command with --json on the world's folder: its value, and its exit code as `exit`. */
  ask(...words: string[]): Promise<Value>
  /** Signs an act file by each of the people. */
  sign(file: string, ...names: Person[]): Promise<void>
  /** A file of the data folder, written. */
  put(name: string, text: string): string
  /** Waits until the ledger has paid so many wei and nothing is on its way. */
  paid(wei: bigint): Promise<void>
}

export async function startAuthority(options: WorldOptions = {}): Promise<Authority> {
  const keys = await Promise.all(
    PEOPLE.map(async (name, at) => {
      const text = (at + 1).toString(16).repeat(64).slice(0, 64)
      return { name, text, address: (await readKey({ file: undefined, text })).address }
    }),
  )
  const of = (name: Person): Address => keys.find((key) => key.name === name)?.address as Address
  const caps = { windowWeiMax: UNCAPPED_WEI.toString(), lifetimeWeiMax: UNCAPPED_WEI.toString() }
  const governed = {
    credits: 'signed',
    cadenceSeconds: 1,
    admins: [of('admin1'), of('admin2'), of('admin3')].sort(),
    quorum: 2,
    registrars: [of('registrar')],
    registration: { registrar: true, self: true, credit: false },
    reporters: [{ address: of('reporter'), ...caps }],
  }
  const world = await startWorld({ ...options, policy: { ...governed, ...options.policy } })
  const put = (name: string, text: string) => {
    writeFileSync(join(world.dataDir, name), text, { mode: 0o600 })
    return join(world.dataDir, name)
  }
  const people = Object.fromEntries(
    keys.map(({ name, text, address }) => [name, { address: toAddress(address), keyFile: put(`${name}.key`, text) }]),
  ) as unknown as People
  const ask = async (...words: string[]): Promise<Value> => {
    const { code, value } = await said([...words, '--data', world.dataDir])
    return { exit: code, ...value }
  }
  return {
    world,
    people,
    ask,
    put,
    sign: async (file, ...names) => {
      for (const name of names) {
        const { code, value } = await said(['admin', 'sign', file, '--key-file', people[name].keyFile, '--yes'])
        if (code !== 0) throw new Error(`${name}: ${JSON.stringify(value)}`)
      }
    },
    paid: (wei) => paid(world, wei),
  }
}

/** A command in this process: its answer, and its exit code. */
export async function said(words: readonly string[]): Promise<{ code: number; value: Value }> {
  const { code, out } = await typed([...words, '--json'])
  return { code, value: JSON.parse(out) }
}

async function paid(world: World, wei: bigint): Promise<void> {
  await until(
    `${wei} wei are paid and nothing is on its way`,
    async () => {
      const ledger = (await world.status())?.ledger
      const open = (await openOutbox(world.config.paths).open()).length
      return ledger?.paidWei === wei && ledger.unlanded === null && open === 0 ? true : undefined
    },
    SETTLED_MS_MAX,
  )
}

/** Lines of events, `ether` each, for orch-0 to orch-2. */
export function eventLines(first: number, count: number, ether: string): string {
  return Array.from({ length: count }, (_, at) => {
    const number = first + at
    const workHash = `0x${number.toString(16).padStart(64, '0')}`
    return `${JSON.stringify({ orchestratorId: `orch-${number % 3}`, amount: ether, eventId: `event-${number}`, workHash })}\n`
  }).join('')
}
