/** What a command says: one value for programs, one text for people, one exit code. */
import Table from 'cli-table3'
import { formatEther } from '../../enclave/protocol/money.ts'

export const EXIT_OK = 0
/** The command was refused or failed, or what it looked at is not well. */
export const EXIT_FAILED = 1
/** It was not understood, or could not look. */
export const EXIT_USAGE = 2

export type Answer = {
  /** Name and version of the value's shape: it changes when the shape does. */
  readonly format: string
  readonly value: { readonly [key: string]: unknown }
  readonly text: string
  readonly exitCode?: number
}

export type Terminal = {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly environment: { readonly [name: string]: string | undefined }
  /** The folder that relative paths start from. */
  readonly typedIn: string
}

/** One line: amounts as decimal text of wei, keys in the order in which the command names them. */
export function jsonOf({ format, value }: Pick<Answer, 'format' | 'value'>): string {
  const plain = (_: string, inner: unknown): unknown => (typeof inner === 'bigint' ? inner.toString() : inner)
  return `${JSON.stringify({ format, ...value }, plain)}\n`
}

export function tableOf(rows: readonly (readonly string[])[], head: readonly string[] = []): string {
  const style = { head: [], border: [] }
  const table = new Table(head.length === 0 ? { style } : { head: [...head], style })
  for (const row of rows) table.push([...row])
  return table.toString()
}

export function ether(wei: bigint): string {
  return `${formatEther(wei)} ETH`
}

const MS_PER_SECOND = 1_000

/** A moment that somebody else named: it may be later than any calendar. */
export function momentOf(unixSeconds: number): string {
  const date = new Date(unixSeconds * MS_PER_SECOND)
  return Number.isNaN(date.getTime()) ? `second ${unixSeconds}` : date.toISOString()
}
