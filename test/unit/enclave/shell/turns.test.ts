import { expect } from 'chai'
import { type Turn, Turns } from '../../../../enclave/shell/turns.ts'

/** A client with `count` requests, each of which notes its name. */
function aClient(name: string, count: number, order: string[]): Turn {
  let left = count
  return {
    step: async () => {
      if (left === 0) return false
      left -= 1
      order.push(name)
      return left > 0
    },
  }
}

describe('turns', () => {
  it('go round: a client with a hundred requests delays another by one', async () => {
    const order: string[] = []
    const turns = new Turns()
    turns.add(aClient('a', 100, order))
    turns.add(aClient('b', 2, order))
    await turns.idle()
    expect(order.slice(0, 5).join('')).to.equal('ababa')
    expect(order).to.have.length(102)
  })

  it('do not run inside the call that asks for one', async () => {
    const order: string[] = []
    const turns = new Turns()
    turns.add(aClient('a', 1, order))
    expect(order).to.deep.equal([])
    await turns.idle()
    expect(order).to.deep.equal(['a'])
  })

  it('are one for a client that asks twice', async () => {
    const order: string[] = []
    const turns = new Turns()
    const [a, b] = [aClient('a', 2, order), aClient('b', 2, order)]
    for (const turn of [a, a, b, a]) turns.add(turn)
    await turns.idle()
    expect(order.join('')).to.equal('abab')
  })

  it('begin again after a pause', async () => {
    const order: string[] = []
    const turns = new Turns()
    turns.add(aClient('a', 1, order))
    await turns.idle()
    turns.add(aClient('b', 1, order))
    await turns.idle()
    expect(order.join('')).to.equal('ab')
  })
})
