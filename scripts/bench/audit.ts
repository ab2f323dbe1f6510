/**
 * `node scripts/bench/audit.ts [entries]`: how long replay takes for a log of 100,000 entries, beside hashing the same
 * bytes once, which no auditor can avoid. Prints one line of JSON; times are the best of three runs.
 */
import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import { keccak256 } from 'viem'
import { expectedHeader, newReplay, step, summary } from '../../auditor/replay.ts'
import { configHash, genesisHash } from '../../enclave/protocol/configuration.ts'
import type { Body, Entry, EntryType } from '../../enclave/protocol/entry.ts'
import { encodeEntry } from '../../enclave/protocol/entry.ts'
import { assert } from '../../enclave/protocol/errors.ts'
import { installHashes } from '../../enclave/protocol/hash.ts'
import { PROTOCOL_VERSION } from '../../enclave/protocol/header.ts'
import { type Address, type Hash, toHash, ZERO_ADDRESS, ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { type Wei, wei } from '../../enclave/protocol/money.ts'
import { type Policy, parsePolicy, policyHash } from '../../enclave/protocol/policy.ts'
import { ledgerIdOf } from '../../enclave/protocol/typed-data.ts'
import { uintWord } from '../../enclave/protocol/words.ts'
import { NOBODY_GOVERNS } from '../start/policy.ts'

const ENTRIES_DEFAULT = 100_000
const ACCOUNTS = 1_000
const CREDITS_PER_COMMIT = 500
const PAYOUTS_PER_COMMIT = 50
const RUNS = 3
const CREDIT_WEI = wei(10n ** 15n)
const AT_SECONDS = 1_763_600_000

const policy: Policy = parsePolicy({
  chainId: 42_161,
  anchor: addressOf(1),
  broker: addressOf(2),
  strategy: 'ticket',
  credits: 'host-trusted',
  treasuryOwner: addressOf(3),
  thresholdWei: 1n.toString(),
  payoutWeiMin: 1n.toString(),
  payoutWeiMax: (10n ** 18n).toString(),
  commitWeiMax: (10n ** 20n).toString(),
  payoutsPerCommitMax: PAYOUTS_PER_COMMIT,
  cadenceSeconds: 0,
  gasPriceWeiMax: (10n ** 10n).toString(),
  gasMax: 10_000_000,
  signaturesPerSequenceMax: 10,
  backoffSequencesMax: 8,
  accountsMax: 100_000,
  ...NOBODY_GOVERNS,
})

/** A log that the auditor accepts; its headers are the auditor's own, which changes nothing about the time to check them. */
function aLog(entriesMax: number): Uint8Array[] {
  const entries: Uint8Array[] = []
  const replay = newReplay()
  const put = <T extends EntryType>(type: T, body: Body<T>): void => {
    const bytes = encodeEntry({
      v: PROTOCOL_VERSION,
      i: entries.length,
      at: AT_SECONDS + entries.length,
      type,
      body,
    } as Entry)
    const findings = step(replay, bytes, entries.length)
    assert(findings.length === 0, `a log without findings, got ${JSON.stringify(findings[0])}`)
    entries.push(bytes)
  }
  const roster = Array.from({ length: ACCOUNTS }, (_, at) => ({ id: `orch-${at}`, recipient: addressOf(1_000 + at) }))
  put('genesis', genesisOf(roster))
  for (const [at, item] of roster.entries()) put('register', { source: 'roster', account: at + 1, ...item })
  put('open', {
    epoch: 1,
    head: ZERO_HASH,
    session: addressOf(9),
    attestationDigest: ZERO_HASH,
    imageDigest: ZERO_HASH,
  })
  let line = 0
  while (entries.length < entriesMax) {
    for (let credit = 0; credit < CREDITS_PER_COMMIT; credit++, line++) put('credit', creditOf(line))
    putCommit(replay, put)
  }
  return entries.slice(0, entriesMax)
}

function genesisOf(roster: readonly { id: string; recipient: Address }[]): Body<'genesis'> {
  const { chainId, anchor, broker } = policy
  const common = { chainId, anchor, broker, guardian: addressOf(4), role: 'core' } as const
  const hash = genesisHash({ policy, roster, openings: [], journalSize: 0, journalHead: ZERO_HASH })
  return {
    ...common,
    ledgerId: ledgerIdOf({ chainId, anchor }),
    config: configHash({ ...common, genesisHash: hash }),
    genesisHash: hash,
    authority: addressOf(5),
    logKey: hashOf(6),
    policy,
    policyHash: policyHash(policy),
    epoch: 0,
    journalSize: 0,
    journalHead: ZERO_HASH,
    roster: roster.length,
    openings: 0,
    openingsWei: wei(0n),
    imageDigest: ZERO_HASH,
  }
}

function creditOf(line: number): Body<'credit'> {
  const at = line % ACCOUNTS
  return {
    source: 'journal',
    account: at + 1,
    id: `orch-${at}`,
    wei: CREDIT_WEI,
    line,
    hash: hashOf(line),
    amount: '0.001',
    reason: 'workload',
  }
}

type Put = <T extends EntryType>(type: T, body: Body<T>) => void

function putCommit(replay: ReturnType<typeof newReplay>, put: Put): void {
  const { ledger } = replay
  assert(ledger !== null, 'a ledger')
  const sequence = ledger.sequence + 1
  const payouts: Body<'reserve'>['payouts'][number][] = []
  for (let step = 1; step <= ledger.accounts.length && payouts.length < PAYOUTS_PER_COMMIT; step++) {
    const account = ledger.accounts[(ledger.servedIndex + step) % ledger.accounts.length]
    const balance = account === undefined ? 0n : account.creditedWei - account.paidWei
    if (account === undefined || balance === 0n || account.recipient === ZERO_ADDRESS) continue
    const payoutId = ledger.nextPayoutId + payouts.length
    payouts.push({
      payoutId,
      account: account.index,
      recipient: account.recipient,
      wei: balance as Wei,
      kind: 'ticket',
    })
  }
  put('reserve', { sequence, payouts })
  const header = expectedHeader(replay)
  assert(header !== undefined, 'a header')
  put('commit', header)
  const bitmap = toHash(uintWord(2n ** BigInt(payouts.length) - 1n))
  put('settle', {
    sequence,
    bitmap,
    head: toHash(keccak256(Buffer.concat([uintWord(BigInt(header.hash)), uintWord(BigInt(bitmap))]), 'bytes')),
  })
}

function addressOf(number: number): Address {
  return `0x${number.toString(16).padStart(40, '0')}` as Address
}

function hashOf(number: number): Hash {
  return toHash(uintWord(number))
}

function bestMs(work: () => void): number {
  const times = Array.from({ length: RUNS }, () => {
    const start = performance.now()
    work()
    return performance.now() - start
  })
  return Math.round(Math.min(...times))
}

installHashes({
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  keccak256: (bytes) => keccak256(bytes, 'bytes'),
})
const entries = aLog(Number.parseInt(process.argv[2] ?? `${ENTRIES_DEFAULT}`, 10))
const replayMs = bestMs(() => {
  const replay = newReplay()
  for (const [index, bytes] of entries.entries()) step(replay, bytes, index)
  assert(summary(replay).findings.length === 0, 'a log without findings')
})
const hashMs = bestMs(() => {
  for (const bytes of entries) createHash('sha256').update(bytes).digest()
})
const figures = {
  entries: entries.length,
  bytes: entries.reduce((sum, { length }) => sum + length, 0),
  replayMs,
  hashMs,
  entriesPerSecond: Math.round((entries.length * 1_000) / replayMs),
  timesHashing: Math.round((replayMs / hashMs) * 10) / 10,
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
}
process.stdout.write(`${JSON.stringify(figures)}\n`)
