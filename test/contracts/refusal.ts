import { expect } from 'chai'
import { type Address, BaseError, ContractFunctionRevertedError, decodeErrorResult, type Hex, parseAbi } from 'viem'

/** Asserts that a contract call reverts with the error `name` and, when given, exactly these values. */
export async function refuses(call: Promise<unknown>, name: string, args?: readonly unknown[]): Promise<void> {
  const { data } = await revertOf(call)
  expect(data?.errorName).to.equal(name)
  if (args !== undefined) expect(data?.args ?? []).to.deep.equal(args)
}

/** Asserts that a call reverts with a text, as Livepeer's contracts do. */
export async function refusesSaying(call: Promise<unknown>, text: string): Promise<void> {
  const { reason } = await revertOf(call)
  expect(reason).to.equal(text)
}

/** Asserts that a commit reverts since the broker refused ticket `index` with `text`, or with Panic `text`. */
export async function refusesTicket(call: Promise<unknown>, index: bigint, text: string): Promise<void> {
  const { data } = await revertOf(call)
  expect(data?.errorName).to.equal('AnchorTicketFailed')
  const [gotIndex, reason] = (data?.args ?? []) as [bigint, Hex]
  expect(gotIndex).to.equal(index)
  expect(brokerReason(reason)).to.equal(text)
}

/** What the broker answered: its text, or `Panic 0x…`. */
export function brokerReason(reason: Hex): string {
  const abi = parseAbi(['error Error(string)', 'error Panic(uint256)'])
  const { errorName, args } = decodeErrorResult({ abi, data: reason })
  return errorName === 'Error' ? String(args[0]) : `Panic 0x${args[0].toString(16)}`
}

/** Lower case, for comparing addresses of different origin. */
export const same = (address: Address): string => address.toLowerCase()

async function revertOf(call: Promise<unknown>): Promise<ContractFunctionRevertedError> {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (error === undefined) throw new Error('the call was expected to revert and passed')
  const found = error instanceof BaseError ? error.walk((e) => e instanceof ContractFunctionRevertedError) : undefined
  if (!(found instanceof ContractFunctionRevertedError)) throw error
  return found
}
