import { expect } from 'chai'
import { readOptions } from '../../../../scripts/start/options.ts'
import { codeOf } from '../../../builders/refusals.ts'

const HERE = '/somewhere'

describe('options of a start', () => {
  it("takes none, and then keeps the shipped journal apart from a journal of one's own", () => {
    const shipped = readOptions([], HERE)
    const own = readOptions(['--journal', 'my.log'], HERE)
    expect(shipped).to.include({ once: false, port: 8081, journal: undefined, fresh: false })
    expect(own?.journal).to.equal('/somewhere/my.log')
    expect(own?.dataDir).to.not.equal(shipped?.dataDir)
  })

  it('reads relative paths from where the command was typed', () => {
    const options = readOptions(['--data', 'd', '--journal', 'j', '--roster', 'r'], HERE)
    expect(options).to.include({ dataDir: '/somewhere/d', journal: '/somewhere/j', roster: '/somewhere/r' })
  })

  for (const words of [
    ['--nosuch'],
    ['--port', '0'],
    ['--port', '65536'],
    ['--port', '80a'],
    ['--data'],
    ['more'],
    ['--roster', 'r'],
    ['--demo-recipients'],
    ['--replay-history'],
  ]) {
    it(`refuses ${words.join(' ')} in one line`, () => {
      expect(codeOf(() => readOptions(words, HERE))).to.equal('CONFIG_INVALID')
    })
  }
})
