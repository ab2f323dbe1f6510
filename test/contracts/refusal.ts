import { expect } from 'chai'
import { type Address, decodeErrorResult, type Hex, isHex, parseAbi } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'

/** Asserts that a contract call reverts with the error `name` and, when given, exactly these values. */
export async function refuses(call: Promise<unknown>, name: string, args?: readonly unknown[]): Promise<void> {
  const revert = await revertOf(call)
  expect(revert.name).to.equal(name)
  if (args !== undefined) expect(revert.args).to.deep.equal(args)
}

/** Asserts that a call reverts with a text, as Livepeer's contracts do, or with `Panic 0x…`. */
export async function refusesSaying(call: Promise<unknown>, text: string): Promise<void> {
  const revert = await revertOf(call)
  expect(wordsOf(revert)).to.equal(text)
}

/** Asserts that a commit reverts since the broker refused ticket `index` with `text`, or with Panic `text`. */
export async function refusesTicket(call: Promise<unknown>, index: bigint, text: string): Promise<void> {
  const revert = await revertOf(call)
  expect(revert.name).to.equal('AnchorTicketFailed')
  const [gotIndex, reason] = revert.args as [bigint, Hex]
  expect(gotIndex).to.equal(index)
  expect(brokerReason(reason)).to.equal(text)
}

/** What the broker answered: its text, or `Panic 0x…`. */
export function brokerReason(reason: Hex): string {
  const { errorName, args } = decodeErrorResult({ abi: ERRORS, data: reason })
  return wordsOf({ name: errorName, args: args ?? [] })
}

function wordsOf({ name, args }: Revert): string {
  if (name === 'Error') return String(args[0])
  if (name === 'Panic') return `Panic 0x${(args[0] as bigint).toString(16)}`
  return name
}

/** Lower case, for comparing addresses of different origin. */
export const same = (address: Address): string => address.toLowerCase()

interface Revert {
  readonly name: string
  readonly args: readonly unknown[]
}

const ERRORS = [...ANCHOR_ABI, ...parseAbi(['error Error(string)', 'error Panic(uint256)'])]

/** Decodes the returned bytes themselves: the embedded chain words its messages differently from case to case. */
async function revertOf(call: Promise<unknown>): Promise<Revert> {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (error === undefined) throw new Error('the call was expected to revert and passed')
  const raw = revertData(error)
  if (raw === undefined) throw error
  const { errorName, args } = decodeErrorResult({ abi: ERRORS, data: raw })
  return { name: errorName, args: args ?? [] }
}

function revertData(error: unknown): Hex | undefined {
  const carriers: unknown[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) carriers.push(cause)
  for (const carrier of carriers) {
    const { data } = carrier as { data?: unknown }
    if (isHex(data)) return data
    const nested = (data as { data?: unknown } | undefined)?.data
    if (isHex(nested)) return nested
  }
  return undefined
}
