import { expect } from 'chai'
import { makeGenesis } from '../../../../enclave/core/genesis.ts'
import { takeLines } from '../../../../enclave/core/intake.ts'
import { judgeLine, lineHash } from '../../../../enclave/core/journal.ts'
import { replay, write, writeJournalCredit } from '../../../../enclave/core/ledger.ts'
import { encodeSnapshot } from '../../../../enclave/core/snapshot.ts'
import type { State } from '../../../../enclave/core/state.ts'
import { genesisHash } from '../../../../enclave/protocol/configuration.ts'
import { AssertionError } from '../../../../enclave/protocol/errors.ts'
import { toHash, toHex, ZERO_HASH } from '../../../../enclave/protocol/ids.ts'
import { generateJournal } from '../../../../scripts/journal/generate.ts'
import { aGenesis, aLine, anAddress, aPolicy } from '../../../builders/boot.ts'

const LINES = [...generateJournal({ seed: 20_261_122, lines: 1_500 })].map((line) => new Uint8Array(line))
const AT_SECONDS = 2_000
/** The clock of the shell goes back now and then; `at` never does. */
const NOWS = [AT_SECONDS, AT_SECONDS + 5, AT_SECONDS - 100, 90_000, 90_000, 400_000]

function begun(): { readonly state: State; readonly entries: Uint8Array[] } {
  const genesis = aGenesis({ policy: aPolicy() })
  const { chainId, anchor, broker } = genesis.policy
  const place = { chainId, anchor, broker, guardian: anAddress(0xd1), role: 'core' as const }
  const keys = { authority: anAddress(0xe1), logKey: ZERO_HASH, imageDigest: ZERO_HASH }
  const { state, entries } = makeGenesis({ ...place, genesisHash: genesisHash(genesis) }, genesis, keys, 0, 1_000)
  return { state, entries: [...entries] }
}

/** The entry of one line, written by the general way alone. */
function writeGenerally(state: State, line: Uint8Array, nowSeconds: number): Uint8Array {
  const hash = lineHash(line)
  const verdict = judgeLine(state, line, hash, Math.max(state.at, nowSeconds))
  if (verdict.type !== 'credit') return write(state, verdict.type, verdict.body, nowSeconds)
  return write(state, 'credit', { source: 'journal', ...verdict.body, hash: toHash(hash) }, nowSeconds)
}

describe('a credit of the journal', () => {
  it('is written, applied and logged as every other entry is, line after line of a real journal', () => {
    const quick = begun()
    const general = begun()
    let credited = 0
    for (const [at, line] of LINES.entries()) {
      const now = NOWS[at % NOWS.length] as number
      const taken = takeLines(quick.state, [line], now)
      credited += taken.credited.length
      expect(toHex(taken.entries[0] as Uint8Array)).to.equal(toHex(writeGenerally(general.state, line, now)))
      expect(toHex(quick.state.lastLeafHash)).to.equal(toHex(general.state.lastLeafHash))
    }
    expect(credited).to.be.greaterThan(LINES.length * 0.9)
    expect(toHex(encodeSnapshot(quick.state))).to.equal(toHex(encodeSnapshot(general.state)))
    expect(quick.state.touched).to.deep.equal(general.state.touched)
    expect(quick.state.due).to.deep.equal(general.state.due)
  })

  it('leaves the state that replaying its entry leaves', () => {
    const { state, entries } = begun()
    entries.push(...takeLines(state, LINES, AT_SECONDS).entries)
    let replayed: State | undefined
    for (const entry of entries) replayed = replay(replayed, entry)
    expect(toHex(encodeSnapshot(replayed as State))).to.equal(toHex(encodeSnapshot(state)))
  })

  it('opens an account under exactly its id, whatever that begins with and is made of', () => {
    const ids = ['\ufefforch', '\ufeff', 'ö\u{1f40b}'.repeat(20), '\u0000', `0x${'c'.repeat(40)}`, 'x'.repeat(128)]
    const { state } = begun()
    takeLines(
      state,
      ids.map((id) => aLine(id, '1')),
      AT_SECONDS,
    )
    expect(state.accounts.slice(-ids.length).map(({ id }) => id)).to.deep.equal(ids)
    expect([...state.byId.keys()].slice(-ids.length)).to.deep.equal(ids)
  })

  it('is a bug of ours where it does not follow: another account, another id, another line', () => {
    const line = aLine('orch-1', '1')
    const hash = lineHash(line)
    const verdict = judgeLine(begun().state, line, hash, AT_SECONDS)
    if (verdict.type !== 'credit') throw new TypeError('expected a credit')
    const { body } = verdict
    expect(() => writeJournalCredit(begun().state, body, hash, AT_SECONDS)).not.to.throw()
    for (const wrong of [{ account: body.account + 1 }, { account: 0 }, { id: 'orch-2' }, { line: 1 }, { account: 99 }])
      expect(() => writeJournalCredit(begun().state, { ...body, ...wrong }, hash, AT_SECONDS)).to.throw(AssertionError)
  })
})
