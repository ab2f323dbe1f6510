import { expect } from 'chai'
import { answer } from '../../enclave/dispatch.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { aLine, anAddress, audited, FEES, ROUND, refusalOf } from '../builders/boot.ts'
import { aWorld, closeWorlds, credited } from '../builders/worlds.ts'

describe('records that the host has not acknowledged', () => {
  after(closeWorlds)

  it('come back byte for byte until they are acknowledged', () => {
    const boot = aWorld().active()
    const { records } = boot.call('apply_events', { firstIndex: 0, head: ZERO_HASH, lines: [aLine('orch-0', '1')] })
    const from = records[0].record
    expect(boot.call('outputs', { fromRecord: from }).records).to.deep.equal(records)
    boot.call('ack', { record: from })
    expect(refusalOf(() => boot.call('outputs', { fromRecord: from }))).to.equal('RECORD_UNKNOWN')
    expect(refusalOf(() => boot.call('ack', { record: from + 1 }))).to.equal('RECORD_UNKNOWN')
  })

  it('stop every writing method at 64, before it changes anything, and reads go on', () => {
    const boot = aWorld().active()
    let head = boot.journalHead
    for (let line = 0; line < 64; line++) {
      const reply = boot.call('apply_events', { firstIndex: line, head, lines: [aLine('orch-0', '1')] })
      head = reply.journalHead
    }
    const before = boot.ledger
    expect(
      refusalOf(() => boot.call('apply_events', { firstIndex: 64, head, lines: [aLine('orch-0', '1')] })),
    ).to.equal('BACKPRESSURE')
    expect(refusalOf(() => boot.prepare())).to.equal('BACKPRESSURE')
    expect(boot.ledger).to.deep.equal(before)
    boot.collect()
    expect(boot.prepare().payouts.length).to.equal(1)
    audited(boot.entries)
  })

  it('are answered again when the newest input is repeated byte for byte, and nothing counts twice', () => {
    const boot = aWorld().active()
    const params = { firstIndex: 0, head: ZERO_HASH, lines: [aLine('orch-0', '1')], receipts: true }
    const first = boot.store('apply_events', params)
    expect(boot.call('apply_events', params)).to.deep.equal(first)
    expect(boot.ledger).to.deep.include({ creditedWei: '1000000000000000000', journalSize: 1 })
  })

  it('answer older lines that were applied before without a new record', () => {
    const boot = aWorld().active()
    const params = { firstIndex: 0, head: ZERO_HASH, lines: [aLine('orch-0', '1')] }
    boot.offer(...params.lines)
    boot.offer(aLine('orch-1', '1'))
    const again = boot.call('apply_events', { ...params, lines: [...params.lines, aLine('orch-1', '1')] })
    expect([again.kind, again.records, again.journalSize]).to.deep.equal(['ack', [], 2])
  })
})

describe('methods of the replaced system', () => {
  after(closeWorlds)

  it('answer in the original framing with the original names', () => {
    const boot = credited(aWorld())
    const balance = boot.call('balance', { orchestrator_id: 'orch-0' }, 'json')
    expect(balance).to.include({
      orchestrator_id: 'orch-0',
      recipient: anAddress(0x1000),
      balance_wei: '1000000000000000000',
    })
    expect(Object.keys(boot.call('audit_status', {}, 'json'))).to.have.members([
      'audit_address',
      'audit_seq',
      'audit_head_hash',
      'audit_merkle_root',
      'audit_checkpoint_head_hash',
    ])
    expect(boot.call('status', {}, 'json')).to.include({
      provisioned: true,
      attestation_available: false,
      balances: 5,
      pending: 0,
    })
    expect(
      boot.call(
        'prepare_payouts',
        { budgetWei: '100000000000000000000', round: ROUND, fees: FEES, accountNonce: 0 },
        'json',
      ).sequence,
    ).to.equal(1)
  })

  it('name their successor where they were unsafe', () => {
    const boot = credited(aWorld())
    for (const method of [
      'credit',
      'apply_delta',
      'audit_event',
      'livepeer_prepare_redeem_tx',
      'livepeer_prepare_fund_deposit_tx',
      'sign_message_defunct',
      'sign_transaction',
    ]) {
      expect(
        refusalOf(() => boot.call(method, {}, 'json')),
        method,
      ).to.equal('METHOD_RETIRED')
    }
    expect(refusalOf(() => boot.call('confirm_payout', { tx_hash: '0x00', status: 1 }, 'json'))).to.equal(
      'METHOD_RETIRED',
    )
    expect(refusalOf(() => boot.call('attestation', { nonce: '0x01' }, 'json'))).to.equal('ATTESTATION_NONE')
  })

  it('give no checkpoint of another contract', () => {
    const boot = credited(aWorld())
    boot.prepare()
    boot.confirm(1, 0b111n)
    const { chainId, anchor } = boot.instance.configuration
    expect(boot.call('audit_checkpoint', { chain_id: chainId, contract_address: anchor }, 'json').checkpoint).to.match(
      /^anchorhold\/42161\//,
    )
    expect(boot.call('audit_checkpoint', { chain_id: chainId }, 'json').checkpoint).to.match(/^anchorhold/)
    expect(
      boot.call('audit_checkpoint', { chain_id: chainId, contract_address: ZERO_ADDRESS }, 'json').checkpoint,
    ).to.match(/^anchorhold/)
    expect(refusalOf(() => boot.call('audit_checkpoint', { chain_id: 1, contract_address: anchor }, 'json'))).to.equal(
      'PARAMS_INVALID',
    )
    expect(
      refusalOf(() => boot.call('audit_checkpoint', { chain_id: chainId, contract_address: anAddress(1) }, 'json')),
    ).to.equal('PARAMS_INVALID')
  })

  it('are answered in JSON when a request is neither of the two encodings', () => {
    const { instance } = aWorld().cold()
    for (const text of ['', '[]', 'null', 'x', ' {}']) {
      const reply = answer(instance, new TextEncoder().encode(text))
      expect(JSON.parse(new TextDecoder().decode(reply)).error.code, text).to.equal('FRAME_SYNTAX')
    }
    expect(answer(instance, Uint8Array.of(0xa0))[0]).to.equal(0xa1)
  })

  it('are unknown by any other name', () => {
    const boot = aWorld().active()
    for (const method of ['', 'toString', '__proto__', 'STATUS'])
      expect(refusalOf(() => boot.call(method, {}))).to.equal('METHOD_UNKNOWN')
  })

  it('refuse parameters that nobody knows, that are missing, or that have another form', () => {
    const boot = aWorld().active()
    const calls: readonly (readonly [string, object])[] = [
      ['status', { extra: 1 }],
      ['balance', {}],
      ['balance', { orchestrator_id: 7 }],
      ['ack', { record: -1 }],
      ['ack', { record: '1' }],
      ['prepare_commit', { budgetWei: 1, round: null, fees: FEES, accountNonce: 0 }],
      ['prepare_commit', { budgetWei: '01', round: null, fees: FEES, accountNonce: 0 }],
      ['apply_events', { firstIndex: 0, head: '0x00', lines: [] }],
      ['apply_events', { firstIndex: 0, head: ZERO_HASH, lines: ['0x7b'] }],
    ]
    for (const [method, params] of calls)
      expect(
        refusalOf(() => boot.call(method, params, 'json')),
        JSON.stringify(params),
      ).to.equal('PARAMS_INVALID')
  })
})
