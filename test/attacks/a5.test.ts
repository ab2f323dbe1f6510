import { strict as assert } from 'node:assert'
import type { CommitResult } from '../../enclave/protocol/method-results.ts'
import { useStage } from './use-stage.ts'

const ORDERS = [
  [1, 2, 3],
  [1, 3, 2],
  [2, 1, 3],
  [2, 3, 1],
  [3, 1, 2],
  [3, 2, 1],
] as const

describe('A5: commits that arrive in another order', () => {
  const stage = useStage()

  /** Three commits in a row, signed before any of them landed: the host foretold the results truly. */
  async function threeCommits(): Promise<readonly CommitResult[]> {
    const boot = await stage().active()
    const commits: CommitResult[] = []
    for (const id of ['orch-0', 'orch-1', 'orch-2']) {
      await boot.credit('0.5', id)
      const commit = await boot.prepare()
      await boot.confirm(commit.sequence, 1n)
      commits.push(commit)
    }
    return commits
  }

  async function relayed(commits: readonly CommitResult[], order: readonly number[]): Promise<string[]> {
    const answers: string[] = []
    for (const number of order) {
      const { landed, error } = await stage().relay(commits[number - 1] as CommitResult)
      answers.push(landed ? `${number} landed` : `${number} ${error}`)
    }
    return answers
  }

  /** What each order must come to: the next in line lands, every other one is told its sequence. */
  function expected(order: readonly number[]): string[] {
    let next = 1
    return order.map((number) => (number === next ? `${next++} landed` : `${number} AnchorWrongSequence`))
  }

  it('land in the one order in which they were signed and in no other', async () => {
    const commits = await threeCommits()
    for (const order of ORDERS) {
      const back = await stage().node.mark()
      assert.deepEqual(await relayed(commits, order), expected(order))
      await back()
    }
  })

  it('land once: a repetition of any of them is refused', async () => {
    const commits = await threeCommits()
    await relayed(commits, [1, 2, 3])
    const refused = [1, 2, 3].map((number) => `${number} AnchorWrongSequence`)
    assert.deepEqual(await relayed(commits, [1, 2, 3]), refused)
  })
})
