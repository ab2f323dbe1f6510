/** The auditor follows the final chain: it finds nothing where nothing is wrong, and something where something is. */
import type { ChainFacts } from '../../../auditor/chain-facts.ts'
import type { Finding } from '../../../auditor/naive/finding.ts'
import type { Replay } from '../../../auditor/naive/ledger.ts'
import { type ReplayedHeader, reconcile } from '../../../auditor/reconcile.ts'
import { expectedHeader, newReplay, step } from '../../../auditor/replay.ts'
import type { Block } from '../chain/chain.ts'
import { type LogNode, pathBetween } from '../log-branch.ts'
import type { Landing, World } from '../scene.ts'
import { claim } from '../violation.ts'

const FALSE_ALARM = 'the auditor raises no false alarm'

export class AuditorChecker {
  readonly replay: Replay = newReplay()
  readonly headers = new Map<number, ReplayedHeader>()
  #node: LogNode | undefined
  #landing: Landing | undefined

  /** Reads what became final since the last look, entry by entry, and the header that the chain has for it. */
  follow(world: World): void {
    const { final } = world.chain
    const { list } = world.checks.landings
    const from = this.#landing === undefined ? 0 : list.indexOf(this.#landing) + 1
    for (const landing of list.slice(from)) {
      if (landing.block.number > final.number) break
      this.#read(landing)
    }
  }

  #read(landing: Landing): void {
    const path = pathBetween(this.#node, landing.commit.node) ?? []
    for (const { bytes } of path) {
      const findings = step(this.replay, bytes, this.replay.size)
      claim(FALSE_ALARM, findings.length === 0, () => `entry ${this.replay.size - 1}: ${tell(findings)}`)
    }
    const replayed = expectedHeader(this.replay)
    const same = replayed?.hash === landing.event.next
    claim('the auditor follows the chain', same, () => `sequence ${landing.event.sequence} has another header`)
    if (replayed !== undefined) this.headers.set(this.replay.size, replayed)
    this.#node = landing.commit.node
    this.#landing = landing
  }

  /** The newest entry that was read. */
  get node(): LogNode | undefined {
    return this.#node
  }

  /** A whole audit of what is final: the log beside every fact of the chain. */
  audit(world: World): readonly Finding[] {
    const { ledger } = this.replay
    if (ledger === null) return []
    return reconcile({ ...this.#input(world), ledger, facts: factsOf(world, world.chain.final) }).findings.list
  }

  /** The same with facts that somebody changed. */
  auditOf(world: World, facts: ChainFacts): readonly Finding[] {
    const { ledger } = this.replay
    return ledger === null ? [] : reconcile({ ...this.#input(world), ledger, facts }).findings.list
  }

  #input(world: World): { size: number; headers: ReadonlyMap<number, ReplayedHeader>; at: number; since: number } {
    return { size: this.replay.size, headers: this.headers, at: world.chain.final.state.sequence, since: 0 }
  }
}

export function factsOf(world: World, until: Block): ChainFacts {
  const blocks = world.chain.blocks.slice(0, until.number + 1)
  const { head, sequence, epoch, authority, treasuryWei } = until.state
  const { guardian, broker, ledger } = world.chain.rules
  return {
    chainId: ledger.chainId,
    anchor: ledger.anchor,
    block: until.number,
    finalBlock: until.number,
    state: { head, sequence, epoch, authority, guardian, broker, balanceWei: treasuryWei },
    events: blocks.flatMap(({ events }) => events),
    brokerEvents: blocks.flatMap(({ brokerEvents }) => brokerEvents),
    calls: new Map(blocks.flatMap(({ calls }) => calls)),
    treasury: blocks.flatMap(({ treasury }) => treasury ?? []),
  }
}

export function tell(findings: readonly Finding[]): string {
  return findings
    .slice(0, 3)
    .map(({ code, subject, expected, got }) => `${code} ${subject}: expected ${expected}, got ${got}`)
    .join('; ')
}
