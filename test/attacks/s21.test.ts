import { strict as assert } from 'node:assert'
import {
  aLine,
  audited,
  bitmapHash,
  FEES,
  type Boot as InProcess,
  Refused,
  ROUND,
  type World,
} from '../builders/boot.ts'
import { codeOfCall } from '../builders/refusals.ts'
import { aWorld, closeWorlds } from '../builders/worlds.ts'
import { useStage } from './use-stage.ts'

const LONE = '\ud800'

/** JSON text escapes what is no character: the line itself is well-formed UTF-8. */
function escaped(line: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(line)}\n`)
}

function withText(over: object): Uint8Array {
  return escaped({ event: 'credit', orchestrator_id: 'orch-0', amount: '1', balance: '1', reason: 'workload', ...over })
}

describe('S21: text that would break between the balance and the log', () => {
  const stage = useStage()

  const lines: readonly (readonly [code: string | undefined, line: Uint8Array])[] = [
    ['ORCHESTRATOR_ID', withText({ orchestrator_id: `orch-${LONE}` })],
    ['LINE_FIELD', withText({ reason: LONE })],
    ['LINE_FIELD', withText({ reason: `${'x'.repeat(600)}${LONE}` })],
    // Nothing that counts: the entry holds neither metadata nor balance.
    [undefined, withText({ metadata: { note: LONE } })],
    [undefined, aLine('orch-0', '1', { reason: '\u{1f4b0}'.repeat(300) })],
  ]

  it('changes both or neither: whatever was applied is in the log, and the log gives the balance', async () => {
    const boot = await stage().active()
    for (const [code, line] of lines) {
      const size = (await boot.ledger()).logSize
      const { credited_wei } = await boot.call('balance', { orchestrator_id: 'orch-0' })
      const recorded: (string | undefined)[] = []
      const offered = boot.offer(line).then((answer) => {
        recorded.push(answer.kind === 'ack' ? answer.refused[0]?.code : answer.kind)
      })
      assert.equal(await codeOfCall(offered), 'accepted')
      assert.deepEqual(recorded, [code])
      assert.equal((await boot.ledger()).logSize, size + 1)
      const after = await boot.call('balance', { orchestrator_id: 'orch-0' })
      assert.equal(after.credited_wei > credited_wei, code === undefined)
    }
    assert.equal((await boot.call('status', {})).phase, 'active')
    await stage().anchorBare(boot)
    assert.equal((await stage().audits(boot)).creditedWei, 2n * 10n ** 18n)
  })
})

/** What a call does between its first look at the state and its answer. The fault comes at one of those looks. */
const CALLS: { readonly [what: string]: (boot: InProcess) => () => void } = {
  'a credit': (boot) => {
    const { journalSize: firstIndex, journalHead: head } = boot.ledger
    return () => void boot.call('apply_events', { firstIndex, head, lines: [aLine('orch-1', '1')] })
  },
  'a payout': (boot) => () =>
    void boot.call('prepare_commit', {
      mode: 'pay',
      budgetWei: `${ETHER_WEI}`,
      round: ROUND,
      fees: FEES,
      accountNonce: 0,
    }),
  'a settlement': (boot) => {
    const { sequence } = boot.prepare()
    return () => void boot.call('confirm_payout', { sequence, bitmap: bitmapHash(1n) })
  },
}
const LOOKS_MAX = 2_000
const LOOKS_MIN = 10
const ETHER_WEI = 10n ** 18n

/** No fault can be sent into a process of its own: these worlds run inside the test. */
describe('S21: a fault between the balance and the log', function () {
  this.timeout(120_000)
  after(closeWorlds)

  for (const [what, prepared] of Object.entries(CALLS))
    it(`leaves ${what} whole or undone, wherever it strikes, and the enclave signs nothing after it`, () => {
      const world = aWorld()
      const first = world.active()
      first.offer(aLine('orch-0', '1'))
      let looks = 0
      for (let isOver = false; !isOver; looks++) {
        assert(looks < LOOKS_MAX, 'a call ends')
        const boot = loaded(world, first)
        const call = prepared(boot)
        const size = boot.entries.length
        isOver = !struckAt(boot, call, looks)
        assert.equal(boot.call('status', {}).phase, isOver ? 'active' : 'halted')
        // Whatever left the enclave is one history, and another boot goes on from it.
        boot.collect()
        assert(!isOver || boot.entries.length > size, 'without a fault it leaves something')
        const { creditedWei, paidWei } = audited(boot.entries)
        const { ledger } = loaded(world, boot)
        assert.deepEqual([BigInt(ledger.creditedWei), BigInt(ledger.paidWei)], [creditedWei, paidWei])
      }
      assert(looks > LOOKS_MIN, `${looks} looks`)
    })

  /** Another boot on what this one released, with its session told to have landed. */
  function loaded(world: World, from: InProcess): InProcess {
    const boot = world.provisioned()
    const { head, epoch } = audited(from.entries)
    boot.load(from, { head, epoch, bitmap: null })
    boot.openSession(epoch + 1)
    return boot
  }

  /** Whether the call came to its look number `at`, where it met a fault. */
  function struckAt({ instance }: InProcess, call: () => void, at: number): boolean {
    const { state } = instance
    assert(state !== undefined, 'this boot has a state')
    let left = at
    instance.state = new Proxy(state, {
      get: (target, name) => {
        if (left-- === 0) throw new Error('a fault')
        return Reflect.get(target, name)
      },
    })
    try {
      assert.equal(at >= 0 && refusedBy(call), left < 0 ? 'INTERNAL' : 'accepted')
      return left < 0
    } finally {
      instance.state = state
    }
  }

  function refusedBy(call: () => void): string {
    try {
      call()
      return 'accepted'
    } catch (error) {
      if (error instanceof Refused) return error.code
      throw error
    }
  }
})
