/** A relayer that is a contract: its constructor makes calls one after the other, in one transaction, or all of it reverts. */
import { concat, type Hex, numberToHex, size } from 'viem'

export type RelayedCall = { readonly to: Hex; readonly data: Hex; readonly valueWei?: bigint }

const [CODECOPY, JUMPI, GAS, JUMPDEST, CALL, REVERT, STOP] = ['0x39', '0x57', '0x5a', '0x5b', '0xf1', '0xfd', '0x00']
const PUSH0 = '0x5f'
const PUSH2 = '0x61'
const PUSH16 = '0x6f'
const PUSH20 = '0x73'
/** What `stepCode` gives, whatever the call. */
const STEP_BYTES = 62

/** The code to deploy; what it leaves behind is empty. */
export function relayerCode(calls: readonly RelayedCall[]): Hex {
  const dataAt = calls.length * STEP_BYTES + size(STOP as Hex)
  const steps = calls.map((call, index) => {
    const before = calls.slice(0, index).reduce((bytes, { data }) => bytes + size(data), dataAt)
    return stepCode(call, before, index * STEP_BYTES)
  })
  return concat([...steps, STOP, ...calls.map(({ data }) => data)] as Hex[])
}

/** Copies the call's data from `dataAt` of the code to memory, calls, and goes on behind itself if that went well. */
function stepCode({ to, data, valueWei = 0n }: RelayedCall, dataAt: number, at: number): Hex {
  const short = (value: number): Hex[] => [PUSH2, numberToHex(value, { size: 2 })]
  const bytes = short(size(data))
  const copy = [...bytes, ...short(dataAt), PUSH0, CODECOPY]
  const call = [PUSH0, PUSH0, ...bytes, PUSH0, PUSH16, numberToHex(valueWei, { size: 16 }), PUSH20, to, GAS, CALL]
  const next = [...short(at + STEP_BYTES - size(JUMPDEST as Hex)), JUMPI, PUSH0, PUSH0, REVERT, JUMPDEST]
  return concat([...copy, ...call, ...next] as Hex[])
}
