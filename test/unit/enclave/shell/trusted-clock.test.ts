import { expect } from 'chai'
import { CodedError } from '../../../../enclave/protocol/errors.ts'
import {
  carriedMs,
  isPrompt,
  openTrustedClock,
  READING_AGE_MS_MAX,
  READING_ATTEMPTS_MAX,
  READING_TOOK_MS_MAX,
} from '../../../../enclave/shell/trusted-clock.ts'
import { codeOf } from '../../../builders/refusals.ts'

const AT_MS = Date.UTC(2026, 10, 21, 12)
const AT_SECONDS = AT_MS / 1_000
const READING = { unixMs: AT_MS, beforeMs: 500, afterMs: 501 }

/** A module and a counter that stand still until a test moves them. */
function world() {
  return {
    unixMs: AT_MS,
    monotonicMs: 1_000,
    tookMs: 0,
    documents: 0,
    failing: false,
    source() {
      return {
        monotonicMs: () => this.monotonicMs,
        documentMs: () => {
          this.documents++
          this.monotonicMs += this.tookMs
          if (this.failing) throw new CodedError('NSM_FAILED', 'no answer')
          return this.unixMs
        },
      }
    },
    pass(ms: number) {
      this.unixMs += ms
      this.monotonicMs += ms
    },
  }
}

describe("a reading of the NSM's time", () => {
  it('is carried on by what the counter counted since', () => {
    expect(carriedMs(READING, 501)).to.equal(AT_MS)
    expect(carriedMs(READING, 1_501.75)).to.equal(AT_MS + 1_000)
  })

  it('is carried on for a minute and not a millisecond longer', () => {
    expect(carriedMs(READING, 501 + READING_AGE_MS_MAX)).to.equal(AT_MS + READING_AGE_MS_MAX)
    expect(carriedMs(READING, 501 + READING_AGE_MS_MAX + 1)).to.equal(undefined)
  })

  it('is not carried on by a counter that went back or counts nothing', () => {
    expect(carriedMs(READING, 500)).to.equal(undefined)
    expect(carriedMs(READING, Number.NaN)).to.equal(undefined)
  })

  it('is of the present only where the answer came soon', () => {
    expect(isPrompt({ ...READING, afterMs: 500 + READING_TOOK_MS_MAX })).to.equal(true)
    expect(isPrompt({ ...READING, afterMs: 500 + READING_TOOK_MS_MAX + 1 })).to.equal(false)
    expect(isPrompt({ ...READING, afterMs: 499 })).to.equal(false)
  })
})

describe('the trusted clock', () => {
  it('is attested, and asks no one before its first use', () => {
    const scene = world()
    expect(openTrustedClock(scene.source()).attested).to.equal(true)
    expect(scene.documents).to.equal(0)
  })

  it('asks once a minute, however often it is read', () => {
    const scene = world()
    const clock = openTrustedClock(scene.source())
    for (let second = 0; second <= 60; second++) {
      expect(clock.unixSeconds()).to.equal(AT_SECONDS + second)
      scene.pass(1_000)
    }
    expect(scene.documents).to.equal(1)
    expect(clock.unixSeconds()).to.equal(AT_SECONDS + 61)
    expect(scene.documents).to.equal(2)
  })

  it('follows the documents where the counter runs slow or fast', () => {
    const scene = world()
    const clock = openTrustedClock(scene.source())
    clock.unixSeconds()
    scene.unixMs += 3_600_000
    scene.monotonicMs += READING_AGE_MS_MAX + 1
    expect(clock.unixSeconds()).to.equal(AT_SECONDS + 3_600)
  })

  it('never goes back: it stands still until an earlier time has caught up', () => {
    const scene = world()
    const clock = openTrustedClock(scene.source())
    clock.unixSeconds()
    scene.pass(30_000)
    expect(clock.unixSeconds()).to.equal(AT_SECONDS + 30)
    scene.unixMs = AT_MS
    scene.monotonicMs += READING_AGE_MS_MAX
    expect(clock.unixSeconds()).to.equal(AT_SECONDS + 30)
    scene.pass(29_000)
    expect(clock.unixSeconds()).to.equal(AT_SECONDS + 30)
    scene.pass(2_000)
    expect(clock.unixSeconds()).to.equal(AT_SECONDS + 31)
  })

  it('refuses to tell a time without the NSM, and tells it again once the NSM answers', () => {
    const scene = world()
    const clock = openTrustedClock(scene.source())
    scene.failing = true
    expect(codeOf(() => clock.unixSeconds())).to.equal('NSM_FAILED')
    scene.failing = false
    expect(clock.unixSeconds()).to.equal(AT_SECONDS)
    scene.failing = true
    scene.pass(READING_AGE_MS_MAX)
    expect(clock.unixSeconds()).to.equal(AT_SECONDS + 60)
    scene.pass(1)
    expect(codeOf(() => clock.unixSeconds())).to.equal('NSM_FAILED')
  })

  it('takes no answer that was held back, and stops asking after some', () => {
    const scene = world()
    const clock = openTrustedClock(scene.source())
    scene.tookMs = READING_TOOK_MS_MAX + 1
    expect(codeOf(() => clock.unixSeconds())).to.equal('NSM_FAILED')
    expect(scene.documents).to.equal(READING_ATTEMPTS_MAX)
    scene.tookMs = READING_TOOK_MS_MAX
    expect(clock.unixSeconds()).to.equal(AT_SECONDS)
  })
})
