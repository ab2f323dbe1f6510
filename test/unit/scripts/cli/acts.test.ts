/** Acts as an admin gets them from somebody else: files that are read before anything is signed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { signAnswer } from '../../../../scripts/cli/acts/answers.ts'
import { newAct, writeAct } from '../../../../scripts/cli/acts/file.ts'
import { anAddress } from '../../../builders/boot.ts'

const LEDGER = { chainId: 42_161, anchor: anAddress(0xa1) }
const NOWHERE = { out: () => undefined, err: () => undefined, environment: {}, typedIn: '/' }

describe('an act in a file', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acts-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('says until when it is good, also where that is later than any calendar', async () => {
    for (const [notAfter, said] of [
      [1_800_000_000, 'good until 2027-01-15T08:00:00.000Z'],
      [Number.MAX_SAFE_INTEGER, `good until second ${Number.MAX_SAFE_INTEGER}`],
    ] as const) {
      const file = join(folder, `${notAfter}.json`)
      await writeAct(file, newAct('drain', LEDGER, { drainSeq: 1, amountWei: '1', notAfter }))
      expect((await signAnswer(file, {}, NOWHERE)).text).to.contain(said)
    }
  })
})
