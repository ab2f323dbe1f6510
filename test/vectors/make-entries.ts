/** One example of every body, as the formats spell them; entries.json pins their bytes. */
import type { Entry } from '../../enclave/protocol/entry.ts'
import { PROTOCOL_VERSION } from '../../enclave/protocol/header.ts'
import type { Address, Hash } from '../../enclave/protocol/ids.ts'
import type { Wei } from '../../enclave/protocol/money.ts'
import type { Policy } from '../../enclave/protocol/policy.ts'
import { UNGOVERNED } from '../builders/governance.ts'

const wei = (value: bigint): Wei => value as Wei
const hash = (byte: string): Hash => `0x${byte.repeat(32)}` as Hash
const address = (byte: string): Address => `0x${byte.repeat(20)}` as Address
const signature = `0x${'5a'.repeat(65)}` as const
const signatures = [signature, signature]

const policy: Policy = {
  chainId: 42_161,
  anchor: address('a1'),
  broker: address('b1'),
  strategy: 'ticket',
  credits: 'host-trusted',
  treasuryOwner: address('c1'),
  thresholdWei: wei(10n ** 15n),
  payoutWeiMin: wei(10n ** 15n),
  payoutWeiMax: wei(10n ** 18n),
  commitWeiMax: wei(10n ** 19n),
  payoutsPerCommitMax: 50,
  cadenceSeconds: 3_600,
  gasPriceWeiMax: wei(10n ** 9n),
  gasMax: 12_000_000,
  signaturesPerSequenceMax: 20,
  backoffSequencesMax: 64,
  accountsMax: 100_000,
  ...UNGOVERNED,
}

const header = {
  version: 1,
  ledgerId: hash('01'),
  epoch: 2,
  sequence: 3,
  prev: hash('04'),
  balanceRoot: hash('05'),
  treeDepth: 17,
  accounts: 6,
  logSize: 7,
  logRoot: hash('08'),
  creditedWei: wei(2n ** 100n),
  paidWei: wei(9n),
  reservedWei: wei(0n),
  journalHead: hash('0a'),
  journalSize: 11,
  policyVersion: 1,
  policyHash: hash('0c'),
  imageDigest: hash('00'),
}

const account = { account: 1, id: 'orch-ä' }
const line = { line: 41, hash: hash('21'), amount: '5.353596E-8', reason: 'workload' }
const batched = {
  ...account,
  wei: wei(7n),
  recipient: address('d1'),
  eventId: 'event-1',
  workHash: hash('22'),
  notAfter: 1_800_000_000,
}

type Bodies = { readonly [name: string]: { readonly type: Entry['type']; readonly body: unknown } }

const BODIES: Bodies = {
  genesis: {
    type: 'genesis',
    body: {
      ledgerId: hash('01'),
      chainId: 42_161,
      anchor: address('a1'),
      broker: address('b1'),
      guardian: address('e1'),
      role: 'core',
      config: hash('02'),
      genesisHash: hash('03'),
      authority: address('f1'),
      logKey: hash('04'),
      policy,
      policyHash: hash('0c'),
      epoch: 0,
      journalSize: 40,
      journalHead: hash('0a'),
      roster: 2,
      openings: 1,
      openingsWei: wei(123n),
      imageDigest: hash('00'),
    },
  },
  policy: {
    type: 'policy',
    body: {
      version: 2,
      policy,
      policyHash: hash('0d'),
      prevPolicyHash: hash('0c'),
      notAfter: 1_800_000_000,
      signatures,
    },
  },
  'register-roster': { type: 'register', body: { source: 'roster', ...account, recipient: address('d1') } },
  'register-opening': { type: 'register', body: { source: 'opening', ...account, recipient: address('d1') } },
  'register-registrar': {
    type: 'register',
    body: {
      source: 'registrar',
      ...account,
      recipient: address('d1'),
      regSeq: 1,
      notAfter: 1_800_000_000,
      recipientSignature: signature,
      registrarSignature: signature,
    },
  },
  'register-recipient': {
    type: 'register',
    body: {
      source: 'recipient',
      ...account,
      recipient: address('d1'),
      regSeq: 1,
      notAfter: 1_800_000_000,
      recipientSignature: signature,
    },
  },
  'register-change': {
    type: 'register',
    body: {
      source: 'change',
      ...account,
      recipient: address('d3'),
      from: address('d1'),
      regSeq: 2,
      notAfter: 1_800_000_000,
      fromSignature: null,
      toSignature: signature,
      signatures,
    },
  },
  'credit-journal': { type: 'credit', body: { source: 'journal', ...account, wei: wei(53_535_960_000n), ...line } },
  'credit-opening': { type: 'credit', body: { source: 'opening', ...account, wei: wei(123n) } },
  'credit-signed': {
    type: 'credit',
    body: {
      source: 'signed',
      ...account,
      wei: wei(7n),
      reporter: address('d2'),
      rseq: 5,
      recipient: address('d1'),
      eventId: 'event-1',
      workHash: hash('22'),
      notAfter: 1_800_000_000,
      signature,
    },
  },
  credits: {
    type: 'credits',
    body: {
      reporter: address('d2'),
      firstSeq: 6,
      count: 2,
      root: hash('23'),
      notAfter: 1_800_000_000,
      signature,
      from: 0,
      credits: [
        { ...batched, code: null },
        { ...batched, code: 'LEDGER_FULL' },
      ],
    },
  },
  'adjust-journal': {
    type: 'adjust',
    body: { source: 'journal', ...account, delta: -53_535_960_000n, ...line, amount: '-5.353596E-8' },
  },
  'adjust-quorum': {
    type: 'adjust',
    body: {
      source: 'quorum',
      ...account,
      delta: 5n,
      adjustSeq: 1,
      reasonHash: hash('24'),
      notAfter: 1_800_000_000,
      signatures,
    },
  },
  'adjust-drain': {
    type: 'adjust',
    body: { source: 'drain', account: 0, wei: wei(5n), drainSeq: 1, notAfter: 1_800_000_000, signatures },
  },
  'refuse-journal': {
    type: 'refuse',
    body: { source: 'journal', line: 42, hash: hash('25'), bytes: 9, code: 'LINE_NOT_JSON' },
  },
  'refuse-signed': {
    type: 'refuse',
    body: {
      source: 'signed',
      reporter: address('d2'),
      rseq: 7,
      hash: hash('26'),
      code: 'RECIPIENT_MISMATCH',
      signature,
    },
  },
  'refuse-skipped': {
    type: 'refuse',
    body: { source: 'skipped', reporter: address('d2'), fromSeq: 8, toSeq: 9, signature },
  },
  reserve: {
    type: 'reserve',
    body: {
      sequence: 3,
      payouts: [
        { payoutId: 1, account: 1, recipient: address('d1'), wei: wei(10n ** 18n), kind: 'ticket' },
        { payoutId: 2, account: 0, recipient: address('c1'), wei: wei(1n), kind: 'transfer' },
      ],
    },
  },
  commit: { type: 'commit', body: { header, hash: hash('27') } },
  'settle-paid': { type: 'settle', body: { sequence: 3, bitmap: hash('00'), head: hash('28') } },
  'settle-bare': { type: 'settle', body: { sequence: 3, bitmap: null, head: hash('28') } },
  void: { type: 'void', body: { sequence: 3, head: hash('04') } },
  open: {
    type: 'open',
    body: {
      epoch: 3,
      head: hash('28'),
      session: address('d4'),
      attestationDigest: hash('29'),
      imageDigest: hash('00'),
    },
  },
  rotate: {
    type: 'rotate',
    body: {
      epoch: 4,
      authority: address('f2'),
      logKey: hash('04'),
      config: hash('02'),
      imageDigest: hash('00'),
      notAfter: 1_800_000_000,
      signatures,
    },
  },
  reset: {
    type: 'reset',
    body: { atSize: 50, atHead: hash('30'), newHead: hash('31'), notAfter: 1_800_000_000, signatures },
  },
  note: { type: 'note', body: { text: 'the mirror moved' } },
}

/** Every example by name, each at another place and time. */
export const ENTRIES: readonly (readonly [name: string, entry: Entry])[] = Object.entries(BODIES).map(
  ([name, { type, body }], i) => [name, { v: PROTOCOL_VERSION, i, at: 1_763_600_000 + i, type, body } as Entry],
)
