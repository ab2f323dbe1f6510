/** Every target, by the boundary that its bytes cross. */
import type { Target } from '../engine/target.ts'
import { ENCODINGS } from './encodings.ts'
import { LOG } from './log.ts'

export const TARGETS: readonly Target[] = [...ENCODINGS, ...LOG]

export function findTarget(name: string): Target | undefined {
  return TARGETS.find((target) => target.name === name)
}
