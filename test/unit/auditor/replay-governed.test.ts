import { assert } from 'chai'
import { accounts, summary } from '../../../auditor/replay.ts'
import { aGovernedHistory } from './governed-log.ts'
import { addressOf, hashOf } from './log-builder.ts'
import { firstFinding, replayOf, variationsOf } from './log-judge.ts'
import { PAYEES, REPORTERS } from './signed-bodies.ts'

const history = aGovernedHistory().entries

describe('auditor: a log of everything that outsiders sign', () => {
  it('is accepted as the enclave wrote it', () => {
    assert.equal(firstFinding(history), 'clean')
  })

  it('shows reporters, refusals and acts to its reader', () => {
    const { ledger } = summary(replayOf(history))
    assert.deepEqual(
      ledger?.reporters.map(({ reporter, nextSeq }) => [reporter, nextSeq]),
      [
        [REPORTERS[0].address, 140],
        [REPORTERS[1].address, 2],
      ],
    )
    assert.deepEqual(ledger?.refusals, { AMOUNT_ZERO: 2 })
    assert.deepEqual(
      ledger?.acts.map(({ kind }) => kind),
      'skip recipient recipient recipient recipient recipient adjust adjust drain reset policy rotate'.split(' '),
    )
    assert.deepInclude(ledger, {
      authority: addressOf(0xd2),
      logKey: hashOf(8),
      policyVersion: 2,
      adjustSeq: 2,
      drainSeq: 1,
    })
  })

  it('ends with the recipients that were pinned, changed and drained to', () => {
    const recipients = accounts(replayOf(history)).map(({ recipient }) => recipient)
    const [first, second, third] = PAYEES.map(({ address }) => address)
    assert.deepEqual(recipients, [addressOf(0xe2), second, second, addressOf(0), third, first])
  })

  it('refuses any one flipped bit of any signature in it', () => {
    const flipped = variationsOf(history, ({ body }) =>
      Object.entries(body).flatMap(([field, value]) =>
        [value].flat().flatMap((one: unknown, at) => {
          if (typeof one !== 'string' || one.length !== SIGNATURE_CHARACTERS) return []
          const changed = Array.isArray(value) ? value.with(at, flippedAt(one, 20)) : flippedAt(one, 20)
          return [{ label: `${field} ${at}`, body: { ...body, [field]: changed } }]
        }),
      ),
    )
    assert.isAtLeast(flipped.length, 25)
    for (const { label, codes } of flipped) assert.isTrue(codes.some(isAboutSigners), label)
  })

  it('refuses any other number, amount, address or time in what was signed', () => {
    const changed = variationsOf(history, ({ body }) => {
      if (!Object.keys(body).some((field) => /signature/i.test(field))) return []
      return Object.entries(body).flatMap(([field, value]) =>
        // Of a refused credit only the hash of what was signed stands in the log: its number follows from its place.
        SIGNED.includes(field) && !('hash' in body && field === 'rseq')
          ? [{ label: field, body: { ...body, [field]: another(value) } }]
          : [],
      )
    })
    assert.isAtLeast(changed.length, 50)
    for (const { label, codes } of changed) assert.isTrue(codes.some(isAboutSigners), label)
  })

  it('refuses any other field of any credit in a batch', () => {
    const changed = variationsOf(history, (entry) => {
      if (entry.type !== 'credits' || entry.body.from < 128) return []
      const { credits } = entry.body
      return ['wei', 'recipient', 'eventId', 'workHash', 'notAfter'].map((field) => {
        const first = { ...credits[0], [field]: another(credits[0]?.[field as 'wei']) }
        return { label: field, body: { ...entry.body, credits: [first, ...credits.slice(1)] } }
      })
    })
    assert.lengthOf(changed, 5)
    for (const { label, codes } of changed) assert.include(codes, 'BATCH_ROOT', label)
  })
})

const SIGNATURE_CHARACTERS = 132
/** Fields that their signers signed; the index of an account and the log's own hashes are not among them. */
const SIGNED = ['notAfter', 'wei', 'delta', 'recipient', 'from', 'regSeq', 'rseq', 'firstSeq', 'root', 'toSeq']
  .concat(['adjustSeq', 'drainSeq', 'reasonHash', 'newHead', 'atSize', 'version', 'logKey', 'imageDigest', 'authority'])
  .concat(['workHash', 'eventId', 'id'])

/** A part of a batch whose fields are others than those of the first part says so before anything is recovered. */
function isAboutSigners(code: string): boolean {
  return ['SIGNATURE_WRONG', 'QUORUM_WRONG', 'BATCH_ORDER'].includes(code)
}

function flippedAt(text: string, at: number): string {
  return `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`
}

function another(value: unknown): unknown {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'bigint') return value + 1n
  const text = value as string
  if (!text.startsWith('0x')) return `${text}x`
  return `${text.slice(0, -1)}${text.endsWith('1') ? '2' : '1'}`
}
