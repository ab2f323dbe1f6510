import { expect } from 'chai'
import {
  TOKEN_CHARACTERS_MAX,
  TOKEN_CHARACTERS_MIN,
  TOKENS_MAX,
  type TokenTexts,
  tokensOf,
} from '../../../api/tokens.ts'
import { isCoded } from '../../../enclave/protocol/errors.ts'

const VIEWER = 'viewer-'.padEnd(TOKEN_CHARACTERS_MIN, '7')
const OTHER = 'other-'.padEnd(TOKEN_CHARACTERS_MIN, '8')
const ADMIN = 'admin-'.padEnd(TOKEN_CHARACTERS_MIN, '9')

function refusalOf(texts: TokenTexts): string {
  try {
    tokensOf(texts)
    return 'accepted'
  } catch (error) {
    if (isCoded(error, 'TOKEN_WEAK')) return error.message
    throw error
  }
}

describe('access tokens', () => {
  it('tell each viewer and the admin apart, and know nobody else', () => {
    const tokens = tokensOf({ viewers: [VIEWER, OTHER], admins: [ADMIN] })
    expect(tokens.count).to.equal(3)
    expect([VIEWER, OTHER, ADMIN].map((token) => tokens.accessOf(token))).to.deep.equal(['viewer', 'viewer', 'admin'])
    for (const wrong of ['', VIEWER.slice(1), `${VIEWER} `, `${VIEWER}7`, VIEWER.toUpperCase(), `${VIEWER},${OTHER}`])
      expect(tokens.accessOf(wrong), wrong).to.equal(undefined)
    const nobody = tokensOf({ viewers: [], admins: [] })
    for (const any of ['', VIEWER, 'undefined']) expect(nobody.accessOf(any)).to.equal(undefined)
  })

  it('refuse to be empty, short, long, doubled, unprintable or too many, one at a time', () => {
    expect(refusalOf({ viewers: [VIEWER, OTHER], admins: [ADMIN] })).to.equal('accepted')
    expect(refusalOf({ viewers: [VIEWER.slice(1)], admins: [] })).to.contain(`got ${TOKEN_CHARACTERS_MIN - 1}`)
    for (const bad of ['', ' '.repeat(40), 'a b'.padEnd(40, 'c'), `${VIEWER}é`, 'x'.repeat(TOKEN_CHARACTERS_MAX + 1)]) {
      expect(refusalOf({ viewers: [bad], admins: [] }), bad).to.match(/^expected the viewer token 1/)
      expect(refusalOf({ viewers: [VIEWER], admins: [bad] }), bad).to.match(/^expected the admin token 2/)
    }
    expect(refusalOf({ viewers: [VIEWER, VIEWER], admins: [] })).to.contain('twice')
    expect(refusalOf({ viewers: [VIEWER], admins: [VIEWER] })).to.contain('twice')
    const many = Array.from({ length: TOKENS_MAX + 1 }, (_, at) => `${at}-`.padEnd(TOKEN_CHARACTERS_MIN, 'm'))
    expect(refusalOf({ viewers: many.slice(1), admins: [] })).to.equal('accepted')
    expect(refusalOf({ viewers: many, admins: [] })).to.contain(`at most ${TOKENS_MAX}`)
  })

  it('never stand in the message that refuses them', () => {
    const secret = 'hunter2-hunter2'
    for (const texts of [
      { viewers: [secret], admins: [] },
      { viewers: [`${secret} ${secret} ${secret}`], admins: [] },
      { viewers: [`${secret}${secret}${secret}`, `${secret}${secret}${secret}`], admins: [] },
    ])
      expect(refusalOf(texts)).to.not.contain('hunter')
  })
})
