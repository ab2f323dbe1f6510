import { expect } from 'chai'
import { foldHead } from '../../enclave/protocol/header.ts'
import { type Hash, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { aLine, anAddress, aPolicy, audited, type Boot, bitmapHash, refusalOf, type World } from '../builders/boot.ts'
import { aWorld, closeWorlds, credited } from '../builders/worlds.ts'

describe('loading a sealed chain', () => {
  after(closeWorlds)

  type Shape = { readonly world: World; readonly boot: Boot; readonly next: Hash; readonly prev: Hash }

  function paidOnce(): Shape {
    const world = aWorld()
    const boot = credited(world)
    const commit = boot.prepare()
    return { world, boot, next: commit.headerHash, prev: ZERO_HASH }
  }

  const claim = (head: Hash, epoch: number, bits: bigint | null): object => ({
    head,
    epoch,
    bitmap: bits === null ? null : bitmapHash(bits),
  })

  it('settles an unlanded commit that the claim says landed, by its bitmap', () => {
    const { world, boot, next } = paidOnce()
    const second = world.provisioned()
    second.load(boot, claim(foldHead(next, 0b011n), 1, 0b011n))
    expect(second.ledger.paidWei).to.equal('2000000000000000000')
    expect(audited(second.entries).sequence).to.equal(1)
  })

  it('signs the checkpoint of a commit that it settles, and none for one that it voids', () => {
    const { world, boot, next, prev } = paidOnce()
    const { chainId: chain_id, anchor: contract_address } = world.configuration
    const settled = world.provisioned()
    settled.load(boot, claim(foldHead(next, 0b111n), 1, 0b111n))
    const { checkpoint } = settled.call('audit_checkpoint', { chain_id, contract_address })
    expect(checkpoint.split('\n')[1]).to.equal(String(settled.ledger.logSizeCommitted))
    const voided = world.provisioned()
    voided.load(boot, claim(prev, 1, null))
    expect(refusalOf(() => voided.call('audit_checkpoint', { chain_id, contract_address }))).to.equal('NO_CHECKPOINT')
  })

  it('voids an unlanded commit that never landed, and pays the same accounts under new numbers', () => {
    const { world, boot, prev } = paidOnce()
    const second = world.provisioned()
    second.load(boot, claim(prev, 1, null))
    second.openSession(2)
    expect(second.prepare().payouts.map((payout: { payoutId: number }) => payout.payoutId)).to.deep.equal([4, 5, 6])
    expect(audited(second.entries).unlanded).to.equal(1)
  })

  const falseClaims: readonly (readonly [string, (shape: Shape) => object])[] = [
    ['another bitmap than the head was folded with', ({ next }) => claim(foldHead(next, 0b011n), 1, 0b111n)],
    ['no bitmap beside a folded head', ({ next }) => claim(foldHead(next, 0b111n), 1, null)],
    ['the bare header hash of a paying commit', ({ next }) => claim(next, 1, null)],
    ['the previous head with a bitmap', ({ prev }) => claim(prev, 1, 0b111n)],
    ['a head of another chain', () => claim(bitmapHash(5n), 1, null)],
    ['an epoch that the log has passed', ({ prev }) => claim(prev, 0, null)],
  ]
  for (const [what, make] of falseClaims) {
    it(`refuses ${what}`, () => {
      const shape = paidOnce()
      expect(refusalOf(() => shape.world.provisioned().load(shape.boot, make(shape)))).to.equal('CLAIM_MISMATCH')
    })
  }

  it('refuses the true claim, and every other, once the state was told a false settlement (row G1)', () => {
    const { world, boot, next, prev } = paidOnce()
    boot.confirm(1, 0n)
    for (const told of [
      claim(foldHead(next, 0b111n), 1, 0b111n),
      claim(prev, 1, null),
      claim(foldHead(next, 0n), 1, 0n),
    ]) {
      expect(refusalOf(() => world.provisioned().load(boot, told))).to.equal('CLAIM_MISMATCH')
    }
    const honest = { sealed: boot.sealed.slice(0, -1), entries: boot.entries.slice(0, -1) }
    expect(world.provisioned().load(honest, claim(foldHead(next, 0b111n), 1, 0b111n)).ledger.paidWei).to.equal(
      '3000000000000000000',
    )
  })

  it('refuses to land what it voided before (row G1)', () => {
    const { world, boot, next, prev } = paidOnce()
    const second = world.provisioned()
    second.load(boot, claim(prev, 1, null))
    expect(refusalOf(() => world.provisioned().load(second, claim(foldHead(next, 0b111n), 1, 0b111n)))).to.equal(
      'CLAIM_MISMATCH',
    )
  })

  it('goes on after five idle reboots', () => {
    const world = aWorld()
    let boot = credited(world)
    for (let epoch = 1; epoch <= 5; epoch++) {
      const next = world.provisioned()
      next.load(boot, claim(ZERO_HASH, epoch, null))
      next.openSession(epoch + 1)
      next.journalHead = boot.journalHead
      boot = next
    }
    expect(boot.prepare().epoch).to.equal(6)
    expect(audited(boot.entries).epoch).to.equal(6)
  })

  it('refuses the last epoch that the contract can count to', () => {
    const { world, boot, prev } = paidOnce()
    expect(refusalOf(() => world.provisioned().load(boot, claim(prev, 2 ** 48 - 1, null)))).to.equal('SEQUENCE_SPENT')
    expect(world.provisioned().load(boot, claim(prev, 2 ** 48 - 2, null)).ledger.sequence).to.equal(0)
  })

  it('refuses a chain that ends inside genesis', () => {
    const roster = Array.from({ length: 2_500 }, (_, at) => ({ id: `orch-${at}`, recipient: anAddress(0x10000 + at) }))
    const world = aWorld({ roster })
    const boot = world.begun()
    expect(boot.sealed.length).to.equal(2)
    expect(
      refusalOf(() =>
        world.provisioned().load({ sealed: boot.sealed.slice(0, 1), entries: [] }, claim(ZERO_HASH, 0, null)),
      ),
    ).to.equal('STATE_MISMATCH')
    expect(world.provisioned().load(boot, claim(ZERO_HASH, 0, null)).ledger.accounts).to.equal(2_501)
  })

  it('refuses each record that is flipped, missing, doubled or swapped', () => {
    const { world, boot, prev } = paidOnce()
    const [first, second, ...rest] = boot.sealed as [Uint8Array, Uint8Array, ...Uint8Array[]]
    const flipped = Uint8Array.from(second)
    flipped[flipped.length - 40] = (flipped[flipped.length - 40] as number) ^ 1
    const chains: readonly (readonly [Uint8Array[], string])[] = [
      [[first, flipped, ...rest], 'SEAL_BROKEN'],
      [[first, ...rest], 'SEAL_ORDER'],
      [[first, second, second, ...rest], 'SEAL_ORDER'],
      [[second, first, ...rest], 'SEAL_ORDER'],
    ]
    for (const [sealed, code] of chains) {
      expect(refusalOf(() => world.provisioned().load({ sealed, entries: [] }, claim(prev, 1, null)))).to.equal(code)
    }
  })

  it('loads a snapshot taken in the middle of anything, to the very same state', () => {
    const world = aWorld({ policy: aPolicy({ cadenceSeconds: 0 }) })
    const boot = credited(world)
    const step: readonly (() => void)[] = [
      () => undefined,
      () => boot.prepare(),
      () => boot.offer(aLine('late', '3')),
      () => boot.confirm(1, 0b110n),
      () => boot.offer(aLine('orch-3', '1'), aLine('orch-0', '-0.5')),
    ]
    for (const act of step) {
      act()
      const { blob_b64 } = boot.call('export_state', {})
      const { unlanded, head } = boot.ledger
      const loaded = world.provisioned()
      const reply = loaded.call('load_state', { blob_b64, claimed: claim(head, 1, null) })
      const expected =
        unlanded === null
          ? boot.ledger
          : { ...boot.ledger, unlanded: null, reservedWei: '0', logSize: boot.ledger.logSize + 1 }
      const { dueAccounts: _, dueWei: __, ...rest } = reply.ledger
      for (const [field, value] of Object.entries(rest)) expect(value, field).to.deep.equal(expected[field])
      loaded.openSession(2)
      loaded.prepare({ mode: 'bare' })
    }
  })
})
