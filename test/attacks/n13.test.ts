import { strict as assert } from 'node:assert'
import { encodePcrs, honestPayload, honestPcrs, newTestAttester, replace } from '../builders/attestation.ts'
import { PAYLOADS } from '../builders/attestation-payloads.ts'
import { archivedFor, judge } from '../builders/expectations.ts'
import { head } from '../builders/raw-cbor.ts'

describe('N13: numbers past their bounds', () => {
  const attester = newTestAttester()

  function withPcr(index: number, value: Uint8Array): string {
    const pcrs = new Map(honestPcrs(attester.measurements, attester.moduleId)).set(index, value)
    const payload = (entries: Parameters<typeof replace>[0]) =>
      honestPayload(replace(entries, 'pcrs', encodePcrs(pcrs)))
    return judge(attester, attester.document({ payload }), archivedFor(attester))
  }

  it('are refused from the first one on: index 32, 47 bytes, 49 bytes', () => {
    for (const [index, bytes, verdict] of [
      [16, 48, 'accepted'],
      [31, 48, 'accepted'],
      [32, 48, 'ATTESTATION_PAYLOAD'],
      [255, 48, 'ATTESTATION_PAYLOAD'],
      [16, 47, 'ATTESTATION_PAYLOAD'],
      [16, 49, 'ATTESTATION_PAYLOAD'],
      [16, 0, 'ATTESTATION_PAYLOAD'],
    ] as const)
      assert.equal(withPcr(index, new Uint8Array(bytes).fill(7)), verdict)
  })

  it('are refused wherever a count or a length can stand', () => {
    const bounds = PAYLOADS.filter(({ name }) =>
      /claims?|bytes|PCR|index|cabundle of|entry more|entry fewer/.test(name),
    )
    assert(bounds.length >= 30)
    for (const { name, expect, edit } of bounds)
      assert.equal(judge(attester, attester.document({ payload: edit }), archivedFor(attester)), expect, name)
  })

  it('are read before anything is looped over or allocated', () => {
    const bombs = [
      head('array', 2 ** 32 - 1, 4),
      head('array', 2n ** 64n - 1n, 8),
      head('map', 2n ** 63n, 8),
      head('bytes', 2n ** 64n - 1n, 8),
      Uint8Array.of(0x9f, 0x9f, 0x9f, 0x9f, 0x9f, 0x9f),
      new Uint8Array(16_000).fill(0x81),
      new Uint8Array(16_000).fill(0x9f),
    ]
    for (const bomb of bombs) {
      assert.equal(
        judge(attester, attester.document({ payload: () => bomb }), archivedFor(attester)),
        'ATTESTATION_PAYLOAD',
      )
      assert.equal(judge(attester, bomb, archivedFor(attester)), 'ATTESTATION_ENVELOPE')
    }
  })
})
