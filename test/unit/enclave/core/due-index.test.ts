import { expect } from 'chai'
import fc from 'fast-check'
import { dueAfter, markDue, newDueIndex, rest } from '../../../../enclave/core/due-index.ts'

const ACCOUNTS_MAX = 5_000
const marks = fc.array(fc.tuple(fc.integer({ min: 1, max: ACCOUNTS_MAX }), fc.boolean()), { maxLength: 400 })

describe('the index of due accounts', () => {
  it('gives each marked account once, in order after the one served last', () => {
    fc.assert(
      fc.property(marks, fc.integer({ min: 0, max: ACCOUNTS_MAX }), (made, served) => {
        const index = newDueIndex()
        const truth = new Set<number>()
        for (const [account, due] of made) {
          markDue(index, account, due)
          if (due) truth.add(account)
          else truth.delete(account)
        }
        const ascending = [...truth].sort((left, right) => left - right)
        const expected = [...ascending.filter((one) => one > served), ...ascending.filter((one) => one <= served)]
        expect([...dueAfter(index, served, 0)]).to.deep.equal(expected)
      }),
    )
  })

  it('takes accounts at the edges of its words and beyond its end', () => {
    const index = newDueIndex()
    for (const account of [31, 32, 63, 64, 2_047, 2_048, 1_000_000]) markDue(index, account, true)
    markDue(index, 64, false)
    markDue(index, 3_000_000, false)
    expect([...dueAfter(index, 63, 0)]).to.deep.equal([2_047, 2_048, 1_000_000, 31, 32, 63])
  })

  it('passes over one that rests, until its second has come or something of it has changed', () => {
    const index = newDueIndex()
    for (const account of [1, 5_000, 70_000]) markDue(index, account, true)
    rest(index, 5_000, 100)
    rest(index, 70_000, 2 ** 40)
    expect([...dueAfter(index, 0, 99)]).to.deep.equal([1])
    expect([...dueAfter(index, 0, 100)]).to.deep.equal([1, 5_000])
    markDue(index, 70_000, true)
    expect([...dueAfter(index, 0, 99)]).to.deep.equal([1, 70_000])
    rest(index, 1, 2 ** 40)
    expect([...dueAfter(index, 0, 2 ** 33)], 'a second that no rest reaches').to.include(1)
  })
})
