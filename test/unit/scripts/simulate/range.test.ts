import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { playRange } from '../../../../scripts/simulate/range.ts'

/** Two pieces for one process. */
const SEEDS = 600
/** Plays nothing: says that it did, notes which piece it was, and dies of the pieces that a file names. */
const PLAYER = `
import { appendFileSync, existsSync } from 'node:fs'
const [, , , from, , seeds] = process.argv
appendFileSync(new URL('./started', import.meta.url), from + '\\n')
if (existsSync(new URL('./die-at-' + from, import.meta.url))) process.exit(9)
const played = Number(seeds)
const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n')
if (from === '1') say({ kind: 'failure', seed: 3, property: 'money is conserved', told: 'a wei is gone' })
say({ kind: 'end', played, failures: 0, steps: 200 * played, lengths: { 200: played }, figures: { worlds: played }, expected: {} })
`

describe('a long run of the simulator', () => {
  let folder: string
  const said: string[] = []

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'range-'))
    writeFileSync(join(folder, 'player.mjs'), PLAYER)
    said.length = 0
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const play = (from = 1) =>
    playRange({
      player: join(folder, 'player.mjs'),
      from,
      seeds: SEEDS,
      cores: 1,
      statePath: join(folder, 'state.json'),
      say: (line) => said.push(line),
    })
  const started = () => readFileSync(join(folder, 'started'), 'utf8').trim().split('\n')

  it('plays every seed of its range once, and adds up what the pieces say', async () => {
    const { played, steps, stepsMedian, figures, failures } = await play()
    expect([played, steps, stepsMedian, figures]).to.deep.equal([SEEDS, 200 * SEEDS, 200, { worlds: SEEDS }])
    expect(failures.map(({ seed }) => seed)).to.deep.equal([3])
    expect(said.join('\n')).to.include('npm run simulate -- --seed 3')
  })

  it('goes on after a piece that died, and repeats no piece that was done', async () => {
    const second = 501
    writeFileSync(join(folder, `die-at-${second}`), '')
    const first = await play().then(
      () => 'ended',
      () => 'died',
    )
    rmSync(join(folder, `die-at-${second}`))
    const { played, figures, failures } = await play()
    expect([first, played, figures]).to.deep.equal(['died', SEEDS, { worlds: SEEDS }])
    expect(failures).to.have.length(1)
    expect(started().filter((from) => from === '1')).to.have.length(1)
  })

  it('begins anew for another range', async () => {
    await play()
    const { played } = await play(1_001)
    expect(played).to.equal(SEEDS)
    expect(started()).to.include('1001')
  })
})
