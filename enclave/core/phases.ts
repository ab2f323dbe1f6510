/** The closed list of methods that each phase accepts (protocol section 5). */
import { refuse } from '../protocol/errors.ts'
import type { MethodName, Phase } from '../protocol/methods.ts'
import { METHODS } from '../protocol/methods.ts'

/** Refuses PHASE_FORBIDS. */
export function checkPhase(phase: Phase, method: MethodName): void {
  const phases: readonly Phase[] = METHODS[method].phases
  if (!phases.includes(phase)) refuse('PHASE_FORBIDS', `phase ${phases.join(' or ')} for ${method}`, phase)
}
