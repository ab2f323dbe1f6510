/** What is fuzzed: a reader of foreign bytes, examples of what it reads, and what must hold of every input. */
import { type ErrorCode, isCoded } from '../../../enclave/protocol/errors.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'

/** How an input went: the code of its refusal, or ACCEPTED. */
export const ACCEPTED = 'accepted'
export type Outcome = ErrorCode | typeof ACCEPTED

export type Target = {
  readonly name: string
  /** What is held of every input, as the title of its test. */
  readonly claim: string
  /** Honest inputs, small ones: each is accepted, or the target says why not. */
  readonly seeds: () => readonly Uint8Array[]
  /** A new input by the grammar of the target. */
  readonly generate?: (dice: Dice) => Uint8Array
  /** Damage that keeps the grammar: deeper code is reached than by changed bytes. */
  readonly mutate?: (dice: Dice, input: Uint8Array) => Uint8Array
  /** Reads one input. Throws where a claim does not hold; a refusal with a code of the catalogue is an outcome. */
  readonly run: (input: Uint8Array) => Outcome | Promise<Outcome>
  /** Ends what `run` keeps open. */
  readonly close?: () => Promise<void> | void
  /** Inputs of a plain test run. */
  readonly inputs: number
  /** True where nothing is refused (every line is consumed) or nothing accepted is asked for. */
  readonly oneOutcome?: boolean
}

/** The outcome of a reader that may refuse with these codes; what it accepts is handed on to be judged. */
export function judged<T>(read: () => T, codes: readonly ErrorCode[], judge: (value: T) => void): Outcome {
  let value: T
  try {
    value = read()
  } catch (error) {
    return refusalIn(error, codes)
  }
  judge(value)
  return ACCEPTED
}

/** As judged, for a reader that has to wait. */
export async function judgedLater<T>(
  read: () => Promise<T>,
  codes: readonly ErrorCode[],
  judge: (value: T) => void | Promise<void>,
): Promise<Outcome> {
  let value: T
  try {
    value = await read()
  } catch (error) {
    return refusalIn(error, codes)
  }
  await judge(value)
  return ACCEPTED
}

/** The code, where it is one of these; throws everything else on: another code, or no code at all. */
export function refusalIn(error: unknown, codes: readonly ErrorCode[]): ErrorCode {
  if (isCoded(error) && codes.includes(error.code)) return error.code
  throw error
}

/** A claim that an input has broken. */
export function demand(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new Error(`does not hold: ${claim}`)
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Text as a reader that forgives would have it: for building inputs, never for judging them. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** True when both hold the same, key by key, byte by byte. */
export function isSame(left: unknown, right: unknown): boolean {
  if (left instanceof Uint8Array || right instanceof Uint8Array) return isSameBytes(left, right)
  if (typeof left !== 'object' || left === null || typeof right !== 'object' || right === null)
    return Object.is(left, right)
  if (Array.isArray(left) !== Array.isArray(right)) return false
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => Object.hasOwn(right, key) && isSame((left as Keyed)[key], (right as Keyed)[key]))
}

type Keyed = { readonly [key: string]: unknown }

function isSameBytes(left: unknown, right: unknown): boolean {
  if (!(left instanceof Uint8Array) || !(right instanceof Uint8Array)) return false
  return Buffer.compare(left, right) === 0
}
