import { expect } from 'chai'
import { BATCH_INTERVAL_MS, GATHER_MS, NONCES_PER_BATCH_MAX, NonceBatch, type Place } from '../../../api/nonce-batch.ts'
import { waitMsOf } from '../../../api/refused.ts'
import { CodedError, isCoded } from '../../../enclave/protocol/errors.ts'
import { fromHex, toHex } from '../../../enclave/protocol/ids.ts'
import { leafHash, verifyInclusion } from '../../../enclave/protocol/log-tree.ts'

function nonceOf(number: number): Uint8Array {
  return Uint8Array.of(number >> 8, number & 255, 0xee)
}

/** A batch whose time and enclave are ours: it waits until `pass`, and its documents are the nonces themselves. */
function aBatch() {
  const asked: string[] = []
  const waits: number[] = []
  let nowMs = 1_000_000
  let failing: Error | undefined
  let next = Promise.withResolvers<void>()
  const batch = new NonceBatch({
    now: () => nowMs,
    wait: (spanMs) => {
      waits.push(spanMs)
      return next.promise
    },
    attest: async (nonce) => {
      asked.push(toHex(nonce))
      if (failing !== undefined) throw failing
      return toHex(nonce)
    },
  })
  const pass = (spanMs: number) => {
    nowMs += spanMs
    const due = next
    next = Promise.withResolvers()
    due.resolve()
  }
  return { batch, asked, waits, pass, fail: (error: Error | undefined) => (failing = error) }
}

function verify(nonce: Uint8Array, place: Place): void {
  verifyInclusion({
    leafHash: leafHash(nonce),
    index: place.leafIndex,
    size: place.treeSize,
    root: fromHex(place.documentB64 as `0x${string}`),
    proof: place.proof.map(fromHex),
  })
}

function refusalCode(attempt: () => void): string {
  try {
    attempt()
    return 'accepted'
  } catch (error) {
    return isCoded(error) ? error.code : String(error)
  }
}

describe('nonces that share a document', () => {
  it('cost one call an interval, and each is proven to be under the nonce of the document', async () => {
    for (const size of [1, 2, 3, 7, 8, 21]) {
      const { batch, asked, pass } = aBatch()
      const nonces = Array.from({ length: size }, (_, number) => nonceOf(number))
      const places = nonces.map((nonce) => batch.join(nonce))
      pass(0)
      for (const [at, place] of (await Promise.all(places)).entries()) {
        verify(nonces[at] as Uint8Array, place)
        expect(place.treeSize).to.equal(size)
        const other = { ...place, leafIndex: (place.leafIndex + 1) % size }
        if (size > 1) expect(refusalCode(() => verify(nonces[at] as Uint8Array, other))).to.match(/^PROOF_/)
        expect(refusalCode(() => verify(nonceOf(size), place))).to.equal('PROOF_INVALID')
      }
      expect(asked).to.have.length(1)
    }
  })

  it('give a nonce that came twice one leaf', async () => {
    const { batch, asked, pass } = aBatch()
    const places = [1, 2, 1, 1].map((number) => batch.join(nonceOf(number)))
    pass(0)
    const answers = await Promise.all(places)
    expect(answers.map(({ leafIndex, treeSize }) => [leafIndex, treeSize])).to.deep.equal([
      [0, 2],
      [1, 2],
      [0, 2],
      [0, 2],
    ])
    expect(asked).to.have.length(1)
  })

  it('wait for the interval after the batch before them, and no longer', async () => {
    const { batch, asked, waits, pass } = aBatch()
    const first = batch.join(nonceOf(1))
    pass(0)
    await first
    const second = batch.join(nonceOf(2))
    expect(waits).to.deep.equal([GATHER_MS, BATCH_INTERVAL_MS])
    pass(BATCH_INTERVAL_MS)
    await second
    pass(3 * BATCH_INTERVAL_MS)
    const third = batch.join(nonceOf(3))
    expect(waits.slice(2)).to.deep.equal([GATHER_MS])
    pass(0)
    await third
    expect(asked).to.have.length(3)
  })

  it('are refused above the size of a batch, with the time of the next one', async () => {
    const { batch, asked, pass } = aBatch()
    const places = Array.from({ length: NONCES_PER_BATCH_MAX }, (_, number) => batch.join(nonceOf(number)))
    const refusal = await batch.join(nonceOf(NONCES_PER_BATCH_MAX)).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(isCoded(refusal, 'NONCES_SPENT')).to.equal(true)
    expect(waitMsOf(refusal)).to.equal(BATCH_INTERVAL_MS)
    const twin = batch.join(nonceOf(7))
    pass(0)
    for (const [at, place] of (await Promise.all(places)).entries()) verify(nonceOf(at), place)
    expect((await twin).leafIndex).to.equal(7)
    expect(asked).to.have.length(1)
  })

  it('hear what the enclave refused, and the next batch is none the worse', async () => {
    const { batch, pass, fail } = aBatch()
    fail(new CodedError('ENCLAVE_GONE', 'gone'))
    const places = [1, 2].map((number) =>
      batch.join(nonceOf(number)).then(
        () => 'accepted',
        (error: unknown) => (isCoded(error) ? error.code : 'other'),
      ),
    )
    pass(0)
    expect(await Promise.all(places)).to.deep.equal(['ENCLAVE_GONE', 'ENCLAVE_GONE'])
    fail(undefined)
    const next = batch.join(nonceOf(1))
    pass(BATCH_INTERVAL_MS)
    verify(nonceOf(1), await next)
  })
})
