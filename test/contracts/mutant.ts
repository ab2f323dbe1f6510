import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Hex } from 'viem'

const require = createRequire(import.meta.url)

/** One protection: the source text that is it, and what stands there without it. */
export interface Cut {
  readonly from: string
  readonly to: string
}

/** Protections of the anchor that a test can take out. Each `from` occurs exactly once in the source. */
export const CUTS = {
  reentrancyGuard: { from: 'if (entered != 0) revert AnchorReentered();', to: '' },
  earlySequence: {
    from: 'sequence = c.sequence;\n        uint256 bitmap = _pay(payouts, skip);',
    to: 'uint256 bitmap = _pay(payouts, skip);\n        sequence = c.sequence;',
  },
  ticketsFirst: {
    from: `if (ticketSum != 0) _payTickets(payouts, tickets, bitmap, ticketSum);
        if (count != tickets) bitmap = _payTransfers(payouts, transfersAt, tickets, bitmap);`,
    to: `ticketBroker.fundDepositAndReserveFor{value: ticketSum}(authority, ticketSum, 0);
        if (count != tickets) bitmap = _payTransfers(payouts, transfersAt, tickets, bitmap);
        _redeem(payouts, tickets, bitmap, authority);`,
  },
  transferGas: { from: 'TRANSFER_GAS = 30_000', to: 'TRANSFER_GAS = 1_000_000' },
  ticketFailureReverts: { from: 'if (failed != type(uint256).max) _revertTicket(failed);', to: 'failed;' },
  depositCheck: { from: 'if (left != deposit) revert AnchorDepositChanged(deposit, left);', to: 'left;' },
  gasFloor: { from: 'if (gasLeft < TRANSFER_GAS_MIN) revert AnchorGas(TRANSFER_GAS_MIN, gasLeft);', to: 'gasLeft;' },
} as const satisfies Record<string, Cut>

/**
 * Creation code of the anchor with the named protections taken out, compiled here and now with the pinned compiler.
 * A test that passes on this too proves nothing. Throws when a cut no longer fits the source.
 */
export async function mutantBytecode(...names: readonly (keyof typeof CUTS)[]): Promise<Hex> {
  let source = await readFile('contracts/LedgerAnchor.sol', 'utf8')
  for (const name of names) source = cut(source, name)
  const beside = ['Payouts', 'interfaces/ILedgerAnchor', 'interfaces/ITicketBroker'].map(
    (name) => `contracts/${name}.sol`,
  )
  const sources: Record<string, { content: string }> = { 'contracts/LedgerAnchor.sol': { content: source } }
  for (const path of beside) sources[path] = { content: await readFile(path, 'utf8') }
  const output = JSON.parse(require('solc').compile(JSON.stringify(compilerInput(sources))))
  const contract = output.contracts?.['contracts/LedgerAnchor.sol']?.LedgerAnchor
  if (contract === undefined)
    throw new Error(`the mutant ${names.join(' ')} does not compile: ${output.errors?.[0]?.message}`)
  return `0x${contract.evm.bytecode.object}`
}

function cut(source: string, name: keyof typeof CUTS): string {
  const { from, to } = CUTS[name]
  if (source.split(from).length !== 2) throw new Error(`the protection ${name} is not in the source exactly once`)
  return source.replace(from, to)
}

function compilerInput(sources: Record<string, { content: string }>) {
  return {
    language: 'Solidity',
    sources,
    settings: {
      evmVersion: 'cancun',
      viaIR: true,
      optimizer: { enabled: true, runs: 1_000_000 },
      outputSelection: { '*': { LedgerAnchor: ['evm.bytecode.object'] } },
    },
  }
}
