/** `anchorhold guardian`: the acts of whoever can stop the anchor, and a way to know that the key works before it has to. */
import { resolve } from 'node:path'
import { encodeFunctionData, recoverMessageAddress } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { CodedError, refuse } from '../../enclave/protocol/errors.ts'
import { type Address, type Hex, toAddress } from '../../enclave/protocol/ids.ts'
import type { HostConfig } from '../../host/config.ts'
import { type Key, readKey } from '../../reporter/key.ts'
import { type Answer, EXIT_FAILED, type Terminal, tableOf } from './answer.ts'
import type { Typed } from './command.ts'
import { readAnchor, sendCall, wouldRevert } from './transactions.ts'

export const GUARDIAN_KEY_VARIABLE = 'ANCHORHOLD_GUARDIAN_KEY'
export const GUARDIAN_ACTS = ['appoint', 'freeze', 'unfreeze', 'approve', 'rotate'] as const
export type GuardianAct = (typeof GUARDIAN_ACTS)[number]

/** Refuses CONFIG_INVALID without the address that appoint, approve and rotate take. */
export function guardianCall(act: GuardianAct, given: string): Hex {
  switch (act) {
    case 'freeze':
    case 'unfreeze':
      return encodeFunctionData({ abi: ANCHOR_ABI, functionName: act })
    case 'appoint':
      return encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'appointAuthority', args: [demanded(given)] })
    case 'approve':
      return encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'approveAuthority', args: [demanded(given)] })
    case 'rotate':
      return encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'guardianRotate', args: [demanded(given)] })
  }
}

function demanded(given: string): Address {
  const address = toAddress(given)
  if (address === undefined) refuse('CONFIG_INVALID', 'the address of an authority', given)
  return address
}

/** Sends the act; with --print only shows the call, for a guardian that is a multisig. */
export async function guardianAnswer(
  config: HostConfig,
  act: GuardianAct,
  given: string,
  words: Typed,
  terminal: Terminal,
): Promise<Answer> {
  const data = guardianCall(act, given)
  const call = { to: config.anchor, data, value: '0' }
  if (words['print'] !== undefined)
    return { format: 'anchorhold-guardian/1', value: { act, call }, text: `to ${config.anchor}\ndata ${data}` }
  const sent = await sendCall(config, await guardianKey(words, terminal), data)
  const text = `${act} landed in block ${sent.blockNumber}: ${sent.hash}`
  return { format: 'anchorhold-guardian/1', value: { act, call, ...sent }, text }
}

function guardianKey(words: Typed, { environment, typedIn }: Terminal): Promise<Key> {
  const file = words['keyFile']
  return readKey({
    file: file === undefined ? undefined : resolve(typedIn, file),
    text: environment[GUARDIAN_KEY_VARIABLE],
  })
}

const AGREED = 'Anchorhold: this guardian key works.'

/**
 * Proves that the key is the guardian's and would be obeyed, and changes nothing: it signs a message of no effect, and asks
 * what freeze() from its address would do.
 */
export async function guardianCheckAnswer(config: HostConfig, words: Typed, terminal: Terminal): Promise<Answer> {
  const { address, account } = await guardianKey(words, terminal)
  const signature = await account.signMessage({ message: AGREED })
  const recovered = (await recoverMessageAddress({ message: AGREED, signature })).toLowerCase()
  if (recovered !== address) throw new CodedError('KEY_FILE', 'expected a key that signs for its own address')
  const guardian = await readAnchor(config, 'guardian')
  const frozen = guardianCall('freeze', '')
  const why = await wouldRevert(config, address, frozen)
  const thaw = why === undefined ? undefined : await wouldRevert(config, address, guardianCall('unfreeze', ''))
  const obeyed = why === undefined || thaw === undefined
  const works = guardian === address && obeyed
  const rows = [
    ['signs', `as ${address}`],
    ['guardian of the anchor', guardian === address ? 'this key' : guardian],
    ['freeze() from it', why === undefined ? 'would pass' : `would revert: ${why}`],
    ...(why === undefined ? [] : [['unfreeze() from it', thaw === undefined ? 'would pass' : `would revert: ${thaw}`]]),
  ]
  const value = { works, address, guardian, freeze: why ?? 'passes' }
  return { format: 'anchorhold-guardian-check/1', value, text: tableOf(rows), exitCode: works ? 0 : EXIT_FAILED }
}
