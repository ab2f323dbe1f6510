/** A model of the anchor that reads the enclave's own calldata and checks its signatures, as the contract does. */
import { expect } from 'chai'
import { decodeSignature, recoverAddress } from '../../../enclave/keys/secp256k1.ts'
import { type AnchorCall, decodeAnchorCall } from '../../../enclave/protocol/anchor.ts'
import type { Payout } from '../../../enclave/protocol/entry.ts'
import { commitStruct, foldHead, openStruct } from '../../../enclave/protocol/header.ts'
import { type Address, type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { parsePayouts, payoutsHash } from '../../../enclave/protocol/ticket.ts'
import { type Ledger, typedDigest } from '../../../enclave/protocol/typed-data.ts'

/** What a header commits to, as the auditor's replay had it when the header was closed. */
export type Committed = {
  readonly payouts: readonly Payout[]
  readonly creditedWei: readonly bigint[]
  readonly paidWei: readonly bigint[]
}

export type Landed = { readonly next: Hash; readonly sequence: number; readonly bitmap: bigint | null }

type PayingCall = Extract<AnchorCall, { kind: 'commitAndPay' }>
type CommitCall = PayingCall | Extract<AnchorCall, { kind: 'commit' }>

export class Anchor {
  readonly #ledger: Ledger
  readonly #authority: Address
  head: Hash = ZERO_HASH
  sequence = 0
  epoch = 0
  session: Address = ZERO_ADDRESS
  readonly landed: Landed[] = []
  /** What the recipient of each account got. */
  readonly paidWei: bigint[] = []

  constructor(ledger: Ledger, authority: Address) {
    this.#ledger = ledger
    this.#authority = authority
  }

  /** False when the call reverts. `fails` says which transfers do not go through. */
  land(data: Uint8Array, fails: bigint, committed: ReadonlyMap<Hash, Committed>): boolean {
    const call = decodeAnchorCall(data)
    if (call.kind === 'openSession') return this.#open(call)
    if (call.kind === 'rotateAuthority') return false
    const { commit } = call
    if (!this.#fits(call)) return false
    const said = committed.get(commit.next)
    if (said === undefined) throw new Error('every signed header was read from the log first')
    const bitmap = call.kind === 'commit' ? null : this.#pay(call, fails, said)
    this.sequence = commit.sequence
    this.head = bitmap === null ? commit.next : foldHead(commit.next, bitmap)
    this.landed.push({ next: commit.next, sequence: commit.sequence, bitmap })
    return true
  }

  #open({ open, signature }: Extract<AnchorCall, { kind: 'openSession' }>): boolean {
    if (open.epoch !== this.epoch + 1 || open.head !== this.head || open.session === this.session) return false
    expect(this.#signer(openStruct(open), signature)).to.equal(this.#authority)
    this.epoch = open.epoch
    this.session = open.session
    return true
  }

  #fits(call: CommitCall): boolean {
    const { epoch, sequence, prev, payoutsHash: hash } = call.commit
    if (epoch !== this.epoch || sequence !== this.sequence + 1 || prev !== this.head) return false
    const packed = call.kind === 'commit' ? ZERO_HASH : payoutsHash(call.payouts, call.skip)
    return hash === packed && this.#signer(commitStruct(call.commit), call.signature) === this.session
  }

  /** A ticket is skipped or paid; a transfer may fail. The calldata must pay what the log reserved, to the wei. */
  #pay(call: PayingCall, fails: bigint, { payouts, creditedWei, paidWei }: Committed): bigint {
    const packed = parsePayouts(call.payouts)
    const lines = [...packed.tickets, ...packed.transfers]
    expect(lines.map(({ recipient, amountWei }) => ({ recipient, wei: amountWei }))).to.deep.equal(
      payouts.map(({ recipient, wei }) => ({ recipient, wei })),
    )
    expect(packed.firstPayoutId).to.equal(payouts[0]?.payoutId)
    const failed = fails & ~((1n << BigInt(packed.tickets.length)) - 1n)
    const bitmap = ((1n << BigInt(lines.length)) - 1n) & ~call.skip & ~failed
    for (const [account, wei] of paidWei.entries())
      expect(wei, `paid by then to account ${account}`).to.equal(this.paidWei[account] ?? 0n)
    for (const [position, { account, wei }] of payouts.entries()) {
      if (((bitmap >> BigInt(position)) & 1n) === 0n) continue
      this.paidWei[account] = (this.paidWei[account] ?? 0n) + wei
      expect(this.paidWei[account] <= (creditedWei[account] ?? 0n), `account ${account} is not overpaid`).to.equal(true)
    }
    return bitmap
  }

  #signer(struct: Uint8Array, signature: Uint8Array): Address | undefined {
    return recoverAddress(typedDigest(this.#ledger, struct), decodeSignature(signature))
  }
}
