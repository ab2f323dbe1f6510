import { expect } from 'chai'
import { METHODS, PHASES } from '../../enclave/protocol/methods.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { anAddress, aPolicy, audited, type Boot, FEES, refusalOf, type World } from '../builders/boot.ts'
import { aWorld, closeWorlds, credited } from '../builders/worlds.ts'

function inPhase(world: World, phase: (typeof PHASES)[number]): Boot {
  if (phase === 'cold') return world.cold()
  if (phase === 'provisioned') return world.provisioned()
  const boot = phase === 'recovering' ? world.begun() : world.active()
  if (phase === 'halted') boot.call('halt', { reason: 'by hand' })
  return boot
}

describe('the life of an enclave', () => {
  after(closeWorlds)

  for (const phase of PHASES) {
    it(`accepts in phase ${phase} only the methods listed for it`, () => {
      const boot = inPhase(aWorld(), phase)
      for (const [method, { phases }] of Object.entries(METHODS)) {
        if ((phases as readonly string[]).includes(phase)) continue
        expect(
          refusalOf(() => boot.call(method, {})),
          method,
        ).to.equal('PHASE_FORBIDS')
      }
      expect(boot.call('status', {}).phase).to.equal(phase)
    })
  }

  it('forgets what it generated, and opens the ciphertexts only under the configuration they were made for', () => {
    const world = aWorld()
    const boot = world.cold()
    const made = boot.call('generate', {})
    expect(boot.call('status', {}).provisioned).to.equal(false)
    const { ciphertext_b64, state_ciphertext_b64 } = made
    expect(boot.call('provision', { ciphertext_b64, state_ciphertext_b64 }).address).to.equal(made.address)
    const other = aWorld({ policy: aPolicy({ anchor: anAddress(0xa2) }) })
    const foreign = other.cold()
    expect(refusalOf(() => foreign.call('provision', { ciphertext_b64, state_ciphertext_b64 }))).to.equal(
      'KEY_CIPHERTEXT',
    )
  })

  it('refuses keys of another address than the expected one', () => {
    const world = aWorld()
    const { ciphertext_b64, state_ciphertext_b64 } = world.cold().call('generate', {})
    const params = { ciphertext_b64, state_ciphertext_b64, expected_address: anAddress(9) }
    expect(refusalOf(() => world.cold().call('provision', params))).to.equal('KEY_ADDRESS')
  })

  it('begins a ledger only from what its configuration was made for', () => {
    const world = aWorld({ openings: [{ id: 'orch-0', wei: wei(5n), recipient: null }] })
    const honest = JSON.parse(
      JSON.stringify({ ...world.genesis, epoch: 0 }, (_, value) =>
        typeof value === 'bigint' ? value.toString() : value,
      ),
    )
    const changes = [
      { roster: [...honest.roster, { id: 'more', recipient: anAddress(77) }] },
      { roster: honest.roster.slice(1) },
      { openings: [{ id: 'orch-0', wei: '6', recipient: null }] },
      { journalSize: 1 },
      { journalHead: `0x${'01'.repeat(32)}` },
      { policy: { ...honest.policy, payoutWeiMax: '1000000000000000001' } },
    ]
    for (const change of changes) {
      const boot = world.provisioned()
      expect(
        refusalOf(() => boot.call('genesis', { ...honest, ...change }, 'json')),
        JSON.stringify(change),
      ).to.equal('GENESIS_HASH')
    }
    expect(audited(world.begun().entries).openingsWei).to.equal(5n)
  })

  it('refuses an opening that names the recipient of a roster item again, so that the log tells all its inputs', () => {
    const opening = { id: 'orch-0', wei: wei(5n), recipient: anAddress(0x1000) }
    expect(refusalOf(() => aWorld({ openings: [opening] }).begun())).to.equal('RECIPIENT_MISMATCH')
    expect(audited(aWorld({ openings: [{ ...opening, recipient: null }] }).begun().entries).openingsWei).to.equal(5n)
  })

  it('takes a roster in several calls', () => {
    const world = aWorld()
    const { policy, roster, journalHead } = JSON.parse(
      JSON.stringify(world.genesis, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
    )
    const boot = world.provisioned()
    expect(boot.call('genesis', { roster: roster.slice(0, 2), more: true })).to.deep.equal({ more: true, items: 2 })
    expect(
      boot.call('genesis', { policy, roster: roster.slice(2), journalSize: 0, journalHead, epoch: 0 }).accounts,
    ).to.equal(6)
  })

  it('signs one Open: again for another nonce, never for another epoch', () => {
    const boot = aWorld().begun()
    const first = boot.store('open_session', { accountNonce: 0, fees: FEES })
    const second = boot.store('open_session', { accountNonce: 5, fees: FEES })
    expect(second.call).to.deep.equal(first.call)
    expect(second.hash).to.not.deep.equal(first.hash)
    expect(second.records).to.deep.equal([])
    expect(refusalOf(() => boot.call('session_landed', { epoch: 2 }))).to.equal('SESSION_CLAIM')
  })

  it('does not take a session for landed before it signed one', () => {
    expect(refusalOf(() => aWorld().begun().call('session_landed', { epoch: 0 }))).to.equal('SESSION_CLAIM')
  })

  it('halts on a bug of ours and signs nothing any more', () => {
    const boot = credited(aWorld())
    Object.defineProperty(boot.instance.state as object, 'servedIndex', {
      get: () => {
        throw new Error('broken')
      },
    })
    expect(refusalOf(() => boot.prepare())).to.equal('INTERNAL')
    expect(refusalOf(() => boot.prepare())).to.equal('PHASE_FORBIDS')
    expect(boot.call('status', {}).haltReason).to.equal('an unexpected error')
  })
})
