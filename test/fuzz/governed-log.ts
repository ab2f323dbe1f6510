/** A ledger in which everybody has signed something: the longest honest log that one boot writes. */
import { aGenesis, anAddress, aPolicy, type Boot, type World } from '../builders/boot.ts'
import { aSigner, GOVERNED, QUORUM, REGISTRAR, REPORTERS, type Signer, signedFor } from '../builders/governors.ts'
import { aWorld } from '../builders/worlds.ts'

const NEWCOMER = aSigner('newcomer')
const SUCCESSOR = aSigner('successor')
const REPORTER = REPORTERS[0] as Signer

/** Two commits landed, a third one on its way. */
export function aGovernedWorld(): { readonly world: World; readonly boot: Boot } {
  const policy = aPolicy({ ...GOVERNED, cadenceSeconds: 0, strategy: 'transfer' })
  const openings = [{ id: 'carried', wei: (10n ** 17n) as never, recipient: anAddress(0x77) }]
  const world = aWorld(aGenesis({ policy, openings }))
  const boot = world.active()
  const { ledger } = boot.instance
  const signed = signedFor(ledger)
  boot.store('credit_signed', {
    credits: [signed.credit(REPORTER, 1), signed.credit(REPORTER, 2, { orchestratorId: 'orch-1' })],
  })
  boot.store(
    'credit_batch',
    signed.batch(REPORTER, 3, [
      { orchestratorId: 'orch-2' },
      { orchestratorId: 'late' },
      { orchestratorId: 'zero', amountWei: 0n as never },
    ]),
  )
  boot.store('skip_sequence', signed.skip(REPORTER, 6, 8))
  boot.store('register', signed.register(NEWCOMER, REGISTRAR, { orchestratorId: 'late' }))
  land(boot, 1, 0b011n)
  const change = {
    orchestratorId: 'late',
    from: NEWCOMER.address,
    to: SUCCESSOR.address,
    regSeq: 2,
    notAfter: 4_000_000_000,
  }
  boot.store('change_recipient', signed.change(NEWCOMER, SUCCESSOR, change))
  boot.store('adjust', signed.adjust({ adjustSeq: 1, orchestratorId: 'orch-3', deltaWei: 5n * 10n ** 17n }))
  boot.store('adjust', signed.adjust({ adjustSeq: 2, orchestratorId: 'orch-3', deltaWei: -(10n ** 17n) }))
  boot.store('drain', signed.drain({ drainSeq: 1, amountWei: (10n ** 16n) as never }))
  const state = boot.instance.state
  if (state === undefined) throw new Error('an active boot has a state')
  const tightened = { ...state.policy, deniedRecipients: [anAddress(0xbad)] }
  boot.store('set_policy', signed.policy(tightened, 2, state.policyHash, QUORUM))
  land(boot, 2, 0b1n)
  boot.store('credit_signed', { credits: [signed.credit(REPORTER, 9, { orchestratorId: 'orch-4' })] })
  boot.prepare({ round: null })
  return { world, boot }
}

function land(boot: Boot, sequence: number, bits: bigint): void {
  const reply = boot.prepare({ round: null })
  const payouts = boot.instance.state?.unlanded?.payouts.length ?? 0
  if (reply === undefined || payouts === 0) throw new Error('something was due')
  boot.confirm(sequence, bits)
}
