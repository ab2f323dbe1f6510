/** Ends the life of an enclave that cannot go on: the supervisor loads another one at the chain's head. */
import type { Context } from './context.ts'

/** Written down before it is done: a crash in between leaves a halt that did not happen, never one without a reason. */
export async function haltEnclave(context: Pick<Context, 'control' | 'enclave' | 'log' | 'now'>, why: string) {
  context.log.fatal({ why }, 'halting the enclave')
  await context.control.record('halt', { why }, context.now())
  await context.enclave.call('halt', { reason: why })
}
