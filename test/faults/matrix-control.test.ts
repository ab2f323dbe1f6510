import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openControl } from '../../host/control.ts'
import { pathsOf } from '../../host/paths.ts'
import { CELL_MS_MAX, died, endOf, onLyingDisk } from './disk/child.ts'
import { CONTROL_STEPS, FAULTS, type Fault, orderOf, type Step } from './disk/steps.ts'

const PROGRAM = join(import.meta.dirname, 'disk', 'control-process.ts')

const TITLES: { readonly [F in Fault]: (name: string) => string } = {
  before: (name) => `stops a stage, and logs each act on a line of its own, when the first try dies before ${name}`,
  after: (name) => `stops a stage, and logs each act on a line of its own, when the first try dies right after ${name}`,
  torn: (name) =>
    `stops a stage, and logs each act on a line of its own, when the first try dies half way through ${name}`,
  lost: (name) => `stops a stage, and logs each act on a line of its own, when the power fails before ${name} is safe`,
  repeated: (name) => `stops a stage, and logs each act on a line of its own, when it is told twice after ${name}`,
}

describe('a pause on a disk that fails', function () {
  this.timeout(CELL_MS_MAX)
  let root = ''

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'matrix-control-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const flagFile = () => join(root, 'control', 'stop-prepare.json')

  async function pause(): Promise<void> {
    expect(await endOf(onLyingDisk(root, [PROGRAM, root]), 'a pause')).to.equal(0)
  }

  async function strike(step: Step, fault: Fault): Promise<void> {
    await died(onLyingDisk(root, [PROGRAM, root], orderOf(step, fault, [])), TITLES[fault](step.name))
  }

  /** Lines that read back; what a crash has left of another stands alone. */
  function acts(): unknown[] {
    const lines = readFileSync(join(root, 'control', 'operators.log'), 'utf8')
      .trimEnd()
      .split('\n')
    return lines.flatMap((text) => (text.endsWith('}') ? [JSON.parse(text).action] : []))
  }

  for (const [at, step] of CONTROL_STEPS.entries()) {
    for (const fault of FAULTS) {
      it(TITLES[fault](step.name), async () => {
        if (fault !== 'lost') await pause()
        await strike(step, fault)
        const isThere = fault !== 'lost' || at > 0
        expect(existsSync(flagFile())).to.equal(isThere)
        await pause()
        if (fault === 'repeated') await pause()
        expect((await openControl(pathsOf(root)).flagOf('prepare'))?.reason).to.equal('maintenance')
        expect(acts().length).to.be.at.least(fault === 'lost' ? 1 : 2)
        expect(new Set(acts())).to.deep.equal(new Set(['stop']))
      })
    }
  }

  it('keeps a new folder, and what is in it, over a power cut after it has promised to', async () => {
    const step = CONTROL_STEPS.at(-1) as Step
    const order = { ...orderOf(step, 'after', []), cutsPowerOf: [] }
    await died(onLyingDisk(root, [PROGRAM, root], order), 'a pause in a new folder')
    expect(readdirSync(join(root, 'control')).sort()).to.deep.equal(['operators.log', 'stop-prepare.json'])
  })
})
