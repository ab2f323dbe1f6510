/** What the enclave was started for, said once: before anything else is answered, and never changed afterwards. */
import type { Instance } from '../instance.ts'
import { configHash, lockedHash, parseConfiguration } from '../protocol/configuration.ts'
import { refuse } from '../protocol/errors.ts'
import type { MethodResults } from '../protocol/method-results.ts'
import type { ParsedParams } from '../protocol/methods.ts'

/**
 * Answers for the configuration that this boot has; asked again with the same one it answers the same. Refuses
 * CONFIG_LOCKED for another one: it stands in PCR16, and the keys open under it alone [F1, F2, G2].
 */
export function configure(instance: Instance, params: ParsedParams<'configure'>): MethodResults['configure'] {
  const { configuration, ledgerId, keyContext } = instance
  const [expected, got] = [lockedHash(configuration), lockedHash(parseConfiguration(params.configuration))]
  if (got !== expected) refuse('CONFIG_LOCKED', `the configuration ${expected}`, got)
  return { ledgerId, config: configHash(configuration), locked: expected, role: keyContext.role }
}
