/** A stage for the tests of one file, and the two ways in which an attack may be answered. */
import { strict as assert } from 'node:assert'
import { codeOfCall } from '../builders/refusals.ts'
import { type Outcome, Stage, type StageOptions } from './stage.ts'

/**
 * Of a hook, and of a test that names no other limit: for what hangs, not for what is slow. Enclaves start one after the
 * other, on machines that do other things as well.
 */
const STEP_MS_MAX = 150_000

/** Opened once; before each test the chain is where it began, and after each every enclave ends. */
export function useStage(options: StageOptions = {}): () => Stage {
  let stage: Stage | undefined
  let back: (() => Promise<void>) | undefined
  before(async function () {
    this.timeout(STEP_MS_MAX)
    stage = await Stage.open(options)
  })
  beforeEach(async function () {
    this.timeout(STEP_MS_MAX)
    this.currentTest?.timeout(STEP_MS_MAX)
    back = await stage?.node.mark()
  })
  afterEach(async function () {
    this.timeout(STEP_MS_MAX)
    await stage?.stopBoots()
    await back?.()
  })
  after(async function () {
    this.timeout(STEP_MS_MAX)
    await stage?.close()
  })
  return () => {
    assert(stage !== undefined, 'the stage stands inside tests only')
    return stage
  }
}

/** Fails unless the enclave refuses with this code. */
export async function refuses(attempt: Promise<unknown>, code: string): Promise<void> {
  assert.equal(await codeOfCall(attempt), code)
}

/** Fails unless the anchor reverts with this error. */
export function reverted(outcome: Outcome, error: string): void {
  assert.equal(outcome.landed ? 'landed' : outcome.error, error)
}
