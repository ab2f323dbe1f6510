/** A stage for the tests of one file, and the two ways in which an attack may be answered. */
import { strict as assert } from 'node:assert'
import { codeOfCall } from '../builders/refusals.ts'
import { type Outcome, Stage, type StageOptions } from './stage.ts'

const OPEN_MS_MAX = 60_000
/** Enclaves start one after the other, on machines that do other things as well. */
const TEST_MS_MAX = 60_000

/** Opened once; before each test the chain is where it began, and after each every enclave ends. */
export function useStage(options: StageOptions = {}): () => Stage {
  let stage: Stage | undefined
  let back: (() => Promise<void>) | undefined
  before(async function () {
    this.timeout(OPEN_MS_MAX)
    stage = await Stage.open(options)
  })
  beforeEach(async function () {
    this.currentTest?.timeout(TEST_MS_MAX)
    back = await stage?.node.mark()
  })
  afterEach(async () => {
    await stage?.stopBoots()
    await back?.()
  })
  after(() => stage?.close())
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
