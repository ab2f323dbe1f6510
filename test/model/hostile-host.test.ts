/** Requests that a host makes to bring the enclave down, to fill its memory, or to have it write what nobody can read. */
import { expect } from 'chai'
import { answer } from '../../enclave/dispatch.ts'
import { encodeCbor } from '../../enclave/protocol/cbor.ts'
import { decodeEntry, encodeEntry } from '../../enclave/protocol/entry.ts'
import { decodeMessage, FRAME_BYTES_MAX } from '../../enclave/protocol/frame.ts'
import { PROTOCOL_VERSION } from '../../enclave/protocol/header.ts'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { Sealer } from '../../enclave/seal/sealer.ts'
import { aLine, anAddress, aPolicy, audited, type Boot, FEES, ROUND, refusalOf } from '../builders/boot.ts'
import { aWorld, closeWorlds, credited } from '../builders/worlds.ts'

const encoder = new TextEncoder()

/** The code that raw bytes are refused with, after the reply has been read back. */
function refusedBytes(boot: Boot, request: Uint8Array): string {
  const reply = answer(boot.instance, request)
  expect(reply.length).to.be.below(FRAME_BYTES_MAX)
  return (decodeMessage(reply).message as { error: { code: string } }).error.code
}

describe('a refusal of foreign text', () => {
  after(closeWorlds)

  it('is answered where the cut of what it quotes goes through a surrogate pair', () => {
    const boot = aWorld().cold()
    for (let length = 100; length < 130; length++) {
      const key = `${'a'.repeat(length)}${'\u{1f600}'.repeat(20)}`
      expect(refusedBytes(boot, encodeCbor({ [key]: 1 })), `${length}`).to.equal('FRAME_SYNTAX')
    }
    expect(boot.call('status', {}).phase).to.equal('cold')
  })

  it('is answered where the policy has a number of 64 bits or bytes inside a list', () => {
    const boot = aWorld().provisioned()
    for (const anchor of [[2n ** 60n], { a: [2n ** 60n] }, [new Uint8Array(1_000)], 2n ** 60n]) {
      expect(refusedBytes(boot, encodeCbor({ method: 'genesis', params: { policy: { anchor } } }))).to.equal(
        'POLICY_INVALID',
      )
    }
    expect(boot.call('status', {}).phase).to.equal('provisioned')
  })

  it('fits a frame, however long the keys that nobody knows are', () => {
    const boot = aWorld().cold()
    const request = encoder.encode(JSON.stringify({ method: 'status', params: { ['é'.repeat(4_000_000)]: 0 } }))
    expect(request.length).to.be.below(FRAME_BYTES_MAX)
    const reply = answer(boot.instance, request)
    expect(reply.length).to.be.below(20_000)
    expect(refusedBytes(boot, request)).to.equal('PARAMS_INVALID')
  })
})

describe('memory of the enclave', () => {
  after(closeWorlds)

  it('is not spent on JSON of millions of empty values', () => {
    const boot = aWorld().cold()
    const many = (part: string): Uint8Array =>
      encoder.encode(`{"method":"status","params":{"x":[${`${part},`.repeat(600_000)}0]}}`)
    expect(refusedBytes(boot, many('{}'))).to.equal('JSON_SYNTAX')
    expect(refusedBytes(boot, many('[[[]]]'))).to.equal('JSON_SYNTAX')
    expect(refusedBytes(boot, many('0'))).to.equal('PARAMS_INVALID')
  })

  it('is not spent on long names that wait for the end of a genesis', () => {
    const boot = aWorld().provisioned()
    const part = (length: number): object => ({
      roster: [{ id: 'x'.repeat(length), recipient: anAddress(1) }],
      more: true,
    })
    expect(refusalOf(() => boot.call('genesis', part(129)))).to.equal('PARAMS_INVALID')
    expect(boot.call('genesis', part(128)).items).to.equal(1)
  })
})

describe('what a host says of a journal line', () => {
  after(closeWorlds)

  it('is not taken for too long while its length would have fitted', () => {
    const boot = aWorld().active()
    const short = { hash: ROUND.hash, bytes: 32_768 }
    const offer = (line: object): object => ({ firstIndex: 0, head: ZERO_HASH, lines: [line] })
    expect(refusalOf(() => boot.call('apply_events', offer(short)))).to.equal('PARAMS_INVALID')
    expect(boot.call('apply_events', offer({ ...short, bytes: 32_769 })).refused).to.deep.equal([
      { line: 0, code: 'LINE_TOO_LONG' },
    ])
  })

  it('makes no record that cannot be sealed, with the most and the longest entries that one call can have', () => {
    const boot = aWorld().active()
    const lines = Array.from({ length: 2_000 }, (_, at) =>
      encoder.encode(`{"event":"credit","orchestrator_id":"${at.toString(36).padStart(68, '_')}","amount":"7e10"}\n`),
    )
    const reply = boot.call('apply_events', { firstIndex: 0, head: ZERO_HASH, lines, receipts: true }, 'json')
    expect(reply.applied).to.equal(2_000)
    boot.collect()
    expect(audited(boot.entries).accounts).to.equal(2_006)
  })
})

describe('names that mean something to JavaScript', () => {
  after(closeWorlds)

  const names = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '\u0000',
    '\u{1f600}',
    '\ufeff',
    'e\u0301',
    '\u00e9',
  ]

  it('are accounts like any other, in the log, a snapshot and a reload', () => {
    const world = aWorld({ roster: names.map((id, at) => ({ id, recipient: anAddress(0x2000 + at) })) })
    const boot = world.active()
    boot.offer(...names.map((id) => aLine(id, '1')))
    for (const encoding of ['json', 'cbor'] as const) {
      for (const id of names)
        expect(boot.call('balance', { orchestrator_id: id }, encoding).balance_wei, id).to.equal(`${10n ** 18n}`)
    }
    expect(boot.prepare().payouts.length).to.equal(names.length)
    boot.confirm(1, 2n ** BigInt(names.length) - 1n)
    const { blob_b64 } = boot.call('export_state', {})
    const loaded = world.provisioned()
    loaded.store('load_state', { blob_b64, claimed: { head: boot.ledger.head, epoch: 1, bitmap: null } })
    expect(loaded.call('balance', { orchestrator_id: '__proto__' }).paid_wei).to.equal(`${10n ** 18n}`)
    expect(audited(boot.entries).accounts).to.equal(names.length + 1)
  })
})

describe('numbers at their ends', () => {
  after(closeWorlds)

  it('give a commit that is signed, with the largest nonce, round, fees and budget of the wire', () => {
    const boot = credited(aWorld({ policy: aPolicy({ gasMax: 2 ** 53 - 1, gasPriceWeiMax: wei(2n ** 128n - 1n) }) }))
    const most = (2n ** 128n - 1n).toString()
    const commit = boot.prepare({
      budgetWei: most,
      round: { ...ROUND, number: 2 ** 53 - 1 },
      fees: { gas: 2 ** 53 - 1, maxFeePerGasWei: most, maxPriorityFeePerGasWei: most },
      accountNonce: 2 ** 53 - 1,
    })
    expect(commit.payouts.length).to.equal(3)
  })

  it('take credits up to 2^96 wei each and below 2^127 in all, and pay what policy allows of them', () => {
    const boot = aWorld({
      policy: aPolicy({ payoutWeiMax: wei(2n ** 96n - 1n), commitWeiMax: wei(2n ** 128n - 1n) }),
    }).active()
    const most = `${(2n ** 96n - 1n).toString().slice(0, -18)}.${(2n ** 96n - 1n).toString().slice(-18)}`
    expect(boot.offer(aLine('orch-0', most), aLine('orch-0', '79228162514.264337593543950336')).refused).to.deep.equal([
      { line: 1, code: 'AMOUNT_TOO_LARGE' },
    ])
    const { payouts } = boot.prepare({ budgetWei: (2n ** 128n - 1n).toString() })
    expect(payouts[0].amountWei).to.equal((2n ** 96n - 1n).toString())
    boot.confirm(1, 1n)
    audited(boot.entries)
  })

  it('refuse payouts past number 2^32 − 1, and go on anchoring', () => {
    const boot = credited(aWorld({ policy: aPolicy({ cadenceSeconds: 0 }) }))
    const state = boot.instance.state as { nextPayoutId: number }
    state.nextPayoutId = 2 ** 32 - 2
    expect(refusalOf(() => boot.prepare())).to.equal('SEQUENCE_SPENT')
    state.nextPayoutId = 2 ** 32 - 3
    expect(boot.prepare().payouts.at(-1).payoutId).to.equal(2 ** 32 - 1)
    boot.confirm(1, 0n)
    expect(refusalOf(() => boot.prepare())).to.equal('NOTHING_DUE')
    expect(boot.prepare({ mode: 'bare' }).mode).to.equal('bare')
  })

  it('refuse the sequence after 2^48 − 1', () => {
    const boot = credited(aWorld())
    const state = boot.instance.state as { sequence: number }
    state.sequence = 2 ** 48 - 2
    expect(boot.prepare().sequence).to.equal(2 ** 48 - 1)
    boot.confirm(2 ** 48 - 1, 0b111n)
    expect(refusalOf(() => boot.prepare({ mode: 'bare' }))).to.equal('SEQUENCE_SPENT')
  })

  it('of a log that nobody wrote are refused one by one when it is to be rebuilt from', () => {
    const world = aWorld()
    const { entries } = world.begun()
    const most = wei(2n ** 127n - 1n)
    const journal = { source: 'journal', account: 1, id: 'orch-0', hash: ZERO_HASH, amount: '1', reason: '' } as const
    const credit = (line: number) => ({ type: 'credit', body: { ...journal, line, wei: most } }) as const
    const adjust = (line: number) => ({ type: 'adjust', body: { ...journal, line, delta: -most } }) as const
    const rebuilt = (...made: readonly (ReturnType<typeof credit> | ReturnType<typeof adjust>)[]) => {
      const boot = world.provisioned()
      const log = made.map((entry, at) =>
        encodeEntry({ v: PROTOCOL_VERSION, i: entries.length + at, at: world.nowSeconds, ...entry }),
      )
      return () => boot.call('rebuild', { entries: [...entries, ...log], more: true })
    }
    expect(rebuilt(credit(0), adjust(1))()).to.deep.equal({ more: true, records: entries.length + 2 })
    // One source that brings more in all than the ledger holds at any time: no policy lets it.
    expect(refusalOf(rebuilt(credit(0), adjust(1), credit(2)))).to.equal('STATE_MISMATCH')
    expect(refusalOf(rebuilt(credit(0), adjust(0)))).to.equal('STATE_MISMATCH')
  })

  it('begin a ledger that can be read again under a clock before 1970', () => {
    const world = aWorld()
    world.nowSeconds = -5
    const boot = world.begun()
    for (const entry of boot.entries) expect(decodeEntry(entry).at).to.equal(0)
    expect(audited(boot.entries).accounts).to.equal(6)
  })
})

describe('what policy and sealing must not let through', () => {
  after(closeWorlds)

  it('refuses a treasury owner that no payout could reach', () => {
    const { anchor, broker } = aPolicy()
    for (const treasuryOwner of [anchor, broker])
      expect(refusalOf(() => aWorld({ policy: aPolicy({ treasuryOwner }) }).begun())).to.equal('RECIPIENT_MISMATCH')
  })

  it('signs nothing more once an entry of its own does not follow, since the log would have a hole', () => {
    const boot = credited(aWorld())
    const state = boot.instance.state as { genesisLeft: { roster: number } }
    state.genesisLeft.roster = 1
    expect(refusalOf(() => boot.offer(aLine('orch-0', '1')))).to.equal('INTERNAL')
    const again = { skip: [], round: ROUND, fees: FEES, accountNonce: 0 }
    expect(refusalOf(() => boot.call('resign_commit', again))).to.equal('PHASE_FORBIDS')
  })

  it('signs nothing more once an applied entry could not be sealed', () => {
    const boot = credited(aWorld())
    const spent = new Sealer({
      stateKey: new Uint8Array(32),
      ledgerId: boot.instance.ledgerId,
      epoch: 1,
      salt: new Uint8Array(32),
      firstRecord: 2 ** 48,
      prevTag: new Uint8Array(16),
      entropy: boot.instance.entropy,
    })
    boot.instance.sealer = spent
    expect(refusalOf(() => boot.prepare())).to.equal('SEQUENCE_SPENT')
    const again = { skip: [], round: ROUND, fees: FEES, accountNonce: 0 }
    expect(refusalOf(() => boot.call('resign_commit', again))).to.equal('PHASE_FORBIDS')
  })
})
