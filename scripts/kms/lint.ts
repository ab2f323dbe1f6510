/**
 * Reads a key policy for holes: an Allow without a document, a measurement of zeros, a Deny that is missing or does less
 * than it looks like [N23]. It judges the text alone; what KMS does with it, the canaries try.
 */
import { type Finding, finding, WHOLE_POLICY } from './findings.ts'
import type { Image } from './measurements.ts'
import { judgeRequired } from './required.ts'
import { isPolicyWriter, isUse, judgeStatement, measuredBy, pcrIndex } from './rules.ts'
import { readKeyPolicy, type Statement } from './statement.ts'

/** Everything found, errors first. `images` are those that the key is meant for; without them any measurement passes. */
export function lintKeyPolicy(bytes: Uint8Array, images?: readonly Image[]): Finding[] {
  const { statements, findings } = readKeyPolicy(bytes)
  if (statements.length === 0) return [...findings]
  const all = [
    ...findings,
    ...statements.flatMap(judgeStatement),
    ...judgeWriters(statements),
    ...judgeRequired(statements),
    ...(images === undefined ? [] : judgeImages(statements, images)),
  ]
  return all.sort((left, right) => rank(left) - rank(right))
}

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error')
}

function rank({ severity }: Finding): number {
  return severity === 'error' ? 0 : 1
}

function judgeWriters(statements: readonly Statement[]): Finding[] {
  const users = new Set(statements.filter(isUse).flatMap(({ principals }) => principals))
  return statements
    .filter(isPolicyWriter)
    .flatMap(({ label, principals }) =>
      principals.filter((name) => users.has(name)).map((name) => finding('POLICY_WRITER_USES', label, name)),
    )
}

function judgeImages(statements: readonly Statement[], images: readonly Image[]): Finding[] {
  const uses = statements.filter(isUse)
  const foreign = uses.filter((statement) => !images.some((image) => admits(statement, image)))
  const listed = statements
    .filter(({ effect }) => effect === 'Deny')
    .flatMap(({ label, conditions }) =>
      conditions
        .filter((condition) => pcrIndex(condition) === 0 && condition.operator !== 'null')
        .flatMap(({ values }) => values.map((value) => ({ label, pcr0: value.toLowerCase() }))),
    )
  return [
    ...foreign.map(({ label }) => finding('MEASUREMENT_UNKNOWN', label, 'no image of the file')),
    ...listed
      .filter(({ pcr0 }) => !images.some((image) => image.pcr0 === pcr0))
      .map(({ label, pcr0 }) => finding('MEASUREMENT_UNKNOWN', label, pcr0)),
    ...images
      .filter((image) => !uses.some((statement) => admits(statement, image)))
      .map(({ name }) => finding('MEASUREMENT_UNUSED', WHOLE_POLICY, name)),
  ]
}

/** PCR0, PCR1 and PCR2 together; of the others those that both name. */
function admits(statement: Statement, { pcr0, pcr1, pcr2, ...others }: Image): boolean {
  const measured = measuredBy(statement)
  const same = (index: number, value: string) => measured.get(index)?.every((one) => one === value) === true
  const allowed = (index: number, value: string | undefined) =>
    value === undefined || !measured.has(index) || same(index, value)
  const parts = same(0, pcr0) && same(1, pcr1) && same(2, pcr2)
  return parts && allowed(3, others.pcr3) && allowed(8, others.pcr8) && allowed(16, others.pcr16)
}
