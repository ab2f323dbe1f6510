import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import { LINE_BYTES_MAX } from '../../../enclave/protocol/methods.ts'
import { wei } from '../../../enclave/protocol/money.ts'
import type { Policy } from '../../../enclave/protocol/policy.ts'
import { ENVIRONMENT, HostSettings, hostConfigOf } from '../../../host/config.ts'
import { parseResult } from '../../../host/enclave-results.ts'
import { bumpedWei, gasBound, gasLimit, maxFeeWei } from '../../../host/fees.ts'
import { addMark, MARKS_MAX, type Mark } from '../../../host/journal-index.ts'
import { LineSplitter } from '../../../host/line-splitter.ts'
import { floatFloorWei } from '../../../host/status.ts'

describe('answers of the enclave', () => {
  it('become Wei and hex by the name of their field, and bytes stay bytes', () => {
    const answer = {
      hash: new Uint8Array(32).fill(1),
      call: Uint8Array.of(1, 2),
      paidWei: '12',
      records: [{ record: 0, sealed: '0x0102', entries: [Uint8Array.of(3)] }],
    }
    const result = parseResult('confirm_payout', answer) as unknown
    expect(result).to.deep.equal({
      hash: `0x${'01'.repeat(32)}`,
      call: Uint8Array.of(1, 2),
      paidWei: 12n,
      records: [{ record: 0, sealed: Uint8Array.of(1, 2), entries: [Uint8Array.of(3)] }],
    })
  })

  it('are refused when an amount is no amount, or the answer no map', () => {
    expect(() => parseResult('status', { dueWei: '1.5' }))
      .to.throw()
      .and.satisfy((error: unknown) => isCoded(error, 'WEI_SYNTAX'))
    for (const answer of [null, 'yes', [1]]) {
      expect(() => parseResult('status', answer))
        .to.throw()
        .and.satisfy((error: unknown) => isCoded(error, 'ENCLAVE_ANSWER'))
    }
  })
})

describe('fees of the carrying transaction', () => {
  it('take the base fee with headroom, rounded up, never above the cap', () => {
    expect(maxFeeWei(wei(101n), 15_000, wei(1_000n))).to.equal(152n)
    expect(maxFeeWei(wei(900n), 20_000, wei(1_000n))).to.equal(1_000n)
    expect(maxFeeWei(wei(1n), 20_000, wei(1_000n), wei(40n))).to.equal(40n)
  })

  it('rise by more than a tenth at each bump, even from one wei', () => {
    for (const fee of [1n, 7n, 100n, 10n ** 9n]) expect(bumpedWei(wei(fee)) * 10n >= fee * 11n).to.equal(true)
  })

  it('leave a quarter above the simulated gas, within policy', () => {
    expect(gasLimit(100_001, 1_000_000)).to.equal(125_002)
    expect(gasLimit(1_000_000, 1_100_000)).to.equal(1_100_000)
    expect(gasBound(50, 'ticket', 30_000_000)).to.be.above(14_000_000)
    expect(gasBound(50, 'ticket', 9_000_000)).to.equal(9_000_000)
  })

  it('ask for a float of ten full commits', () => {
    const policy = {
      payoutsPerCommitMax: 50,
      strategy: 'ticket',
      gasMax: 16_000_000,
      gasPriceWeiMax: wei(100n),
    } as Policy
    expect(floatFloorWei(wei(10n), 20_000, policy) >= 10n * 14_000_000n * 20n).to.equal(true)
  })
})

describe('lines of the journal', () => {
  const whole = Buffer.from('{"a":1}\n\n{"b":"é"}\n')

  it('come out the same however the stream is cut', () => {
    for (let cut = 0; cut <= whole.length; cut++) {
      const splitter = new LineSplitter()
      const lines = [...splitter.push(whole.subarray(0, cut)), ...splitter.push(whole.subarray(cut))]
      expect(lines.map(({ bytes }) => bytes?.toString())).to.deep.equal(['{"a":1}\n', '\n', '{"b":"é"}\n'])
      expect(splitter.partial).to.equal(0)
    }
  })

  it('wait for their newline', () => {
    const splitter = new LineSplitter()
    expect([...splitter.push(Buffer.from('half'))]).to.deep.equal([])
    expect(splitter.partial).to.equal(4)
  })

  it('travel as hash and length from one byte above the limit', () => {
    for (const size of [LINE_BYTES_MAX, LINE_BYTES_MAX + 1, LINE_BYTES_MAX * 3]) {
      const line = Buffer.concat([Buffer.alloc(size - 1, 'x'), Buffer.from('\n')])
      const splitter = new LineSplitter()
      const cuts = [line.subarray(0, 10), line.subarray(10, 20_000), line.subarray(20_000)]
      const [found] = cuts.flatMap((part) => [...splitter.push(part)])
      expect(found?.size).to.equal(size)
      expect(found?.bytes === undefined).to.equal(size > LINE_BYTES_MAX)
      expect(found?.hash.equals(createHash('sha256').update(line).digest())).to.equal(true)
    }
  })

  it('leave marks that stay bounded, ascending and spread over the whole file', () => {
    const marks: Mark[] = []
    for (let line = 1; line <= 2_000_000; line++) addMark(marks, { line, offset: line * 10, head: Buffer.alloc(0) })
    expect(marks.length).to.be.within(MARKS_MAX / 4, MARKS_MAX)
    for (let at = 1; at < marks.length; at++) expect((marks[at] as Mark).line).to.be.above((marks[at - 1] as Mark).line)
    expect(marks.at(-1)?.line).to.be.above(1_900_000)
  })
})

describe('host settings', () => {
  const least = {
    chainId: 42_161,
    anchor: `0x${'Ab'.repeat(20)}`,
    rpcUrls: ['http://127.0.0.1:1'],
    enclaveEndpoint: 'unix:///run/e.sock',
  }

  it('need four values and spell out every other one', () => {
    const config = hostConfigOf('/data', least)
    expect(config.anchor).to.equal(`0x${'ab'.repeat(20)}`)
    expect(config.journal).to.equal('/data/journal/ledger-events.log')
    expect(config.settleDepthBlocks).to.equal(20)
    expect(config.finality).to.equal('finalized')
  })

  const wrong: readonly (readonly [string, object])[] = [
    ['an unknown key', { setleDepthBlocks: 3 }],
    ['an anchor that is no address', { anchor: '0x12' }],
    ['no endpoint', { rpcUrls: [] }],
    ['an enclave endpoint of another kind', { enclaveEndpoint: 'http://x' }],
    ['a negative depth', { settleDepthBlocks: -1 }],
    ['a shard beyond the last', { shard: 256 }],
  ]
  for (const [title, change] of wrong) {
    it(`refuse ${title} with CONFIG_INVALID`, () => {
      expect(() => hostConfigOf('/data', { ...least, ...change }))
        .to.throw()
        .and.satisfy((error: unknown) => isCoded(error, 'CONFIG_INVALID'))
    })
  }

  it('have an environment name only for what is a setting', () => {
    for (const { key } of Object.values(ENVIRONMENT)) expect(HostSettings.shape).to.have.property(key)
  })
})
