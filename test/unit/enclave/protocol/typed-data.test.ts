/** Every struct that anyone signs, against viem's own EIP-712. */
import { expect } from 'chai'
import { encodeAbiParameters, hashTypedData, keccak256 as viemKeccak256 } from 'viem'
import * as credit from '../../../../enclave/protocol/credit.ts'
import {
  commitStruct,
  foldHead,
  type Header,
  headerHash,
  openStruct,
  receiptStruct,
  rotateStruct,
} from '../../../../enclave/protocol/header.ts'
import { type Address, type Hash, toHash, toHex } from '../../../../enclave/protocol/ids.ts'
import { ledgerIdOf, typedDigest } from '../../../../enclave/protocol/typed-data.ts'

const hash = (byte: number): Hash => toHash(new Uint8Array(32).fill(byte))
const address = (byte: number): Address => toHex(new Uint8Array(20).fill(byte)) as Address
const ledger = { chainId: 42_161, anchor: address(0xa1) }
const wei = (value: bigint): never => value as never

type Case = {
  readonly type: string
  readonly struct: (value: never) => Uint8Array
  readonly value: object
  /** Names of ours that differ from the signed ones. */
  readonly renamed?: { readonly [ours: string]: string }
}

const U48 = 2 ** 48 - 1
const SAFE = Number.MAX_SAFE_INTEGER

const cases: readonly Case[] = [
  {
    type: 'Open(uint48 epoch,bytes32 head,address session,bytes32 attestationDigest)',
    struct: openStruct as never,
    value: { epoch: U48, head: hash(1), session: address(2), attestationDigest: hash(3) },
  },
  {
    type: 'Commit(uint48 epoch,uint48 sequence,bytes32 prev,bytes32 next,bytes32 payoutsHash,bytes32 balanceRoot,bytes32 logRoot,uint64 logSize)',
    struct: commitStruct as never,
    value: {
      epoch: 1,
      sequence: U48,
      prev: hash(1),
      next: hash(2),
      payoutsHash: hash(3),
      balanceRoot: hash(4),
      logRoot: hash(5),
      logSize: SAFE,
    },
  },
  {
    type: 'Rotate(uint48 epoch,bytes32 head,address newAuthority,bytes32 attestationDigest)',
    struct: rotateStruct as never,
    value: { epoch: 7, head: hash(1), newAuthority: address(2), attestationDigest: hash(3) },
  },
  {
    type: 'Receipt(uint48 epoch,uint64 logIndex,bytes32 leafHash)',
    struct: receiptStruct as never,
    value: { epoch: 7, logIndex: SAFE, leafHash: hash(3) },
  },
  {
    type: 'Credit(bytes32 ledgerId,address reporter,uint64 rseq,string orchestratorId,address recipient,uint128 amount,string eventId,bytes32 workHash,uint64 notAfter)',
    struct: credit.creditStruct as never,
    value: {
      ledgerId: hash(1),
      reporter: address(2),
      rseq: 3,
      orchestratorId: 'orch-é-😀',
      recipient: address(4),
      amountWei: wei(2n ** 128n - 1n),
      eventId: '',
      workHash: hash(5),
      notAfter: 6,
    },
    renamed: { amountWei: 'amount' },
  },
  {
    type: 'CreditBatch(bytes32 ledgerId,address reporter,uint64 firstSeq,uint32 count,bytes32 root,uint64 notAfter)',
    struct: credit.creditBatchStruct as never,
    value: { ledgerId: hash(1), reporter: address(2), firstSeq: 3, count: 2 ** 32 - 1, root: hash(4), notAfter: 5 },
  },
  {
    type: 'SkipSequence(bytes32 ledgerId,address reporter,uint64 fromSeq,uint64 toSeq)',
    struct: credit.skipSequenceStruct as never,
    value: { ledgerId: hash(1), reporter: address(2), fromSeq: 3, toSeq: 4 },
  },
  {
    type: 'Register(bytes32 ledgerId,string orchestratorId,address recipient,uint64 regSeq,uint64 notAfter)',
    struct: credit.registerStruct as never,
    value: { ledgerId: hash(1), orchestratorId: 'a', recipient: address(2), regSeq: 3, notAfter: 4 },
  },
  {
    type: 'ChangeRecipient(bytes32 ledgerId,string orchestratorId,address from,address to,uint64 regSeq,uint64 notAfter)',
    struct: credit.changeRecipientStruct as never,
    value: { ledgerId: hash(1), orchestratorId: 'a', from: address(2), to: address(3), regSeq: 4, notAfter: 5 },
  },
  {
    type: 'Policy(bytes32 ledgerId,uint32 version,bytes32 prevPolicyHash,bytes32 policyHash,uint64 notAfter)',
    struct: credit.policyChangeStruct as never,
    value: { ledgerId: hash(1), version: 2, prevPolicyHash: hash(3), policyHash: hash(4), notAfter: 5 },
  },
  {
    type: 'Adjust(bytes32 ledgerId,uint64 adjustSeq,string orchestratorId,int256 delta,bytes32 reasonHash,uint64 notAfter)',
    struct: credit.adjustStruct as never,
    value: {
      ledgerId: hash(1),
      adjustSeq: 2,
      orchestratorId: 'a',
      deltaWei: -(2n ** 96n),
      reasonHash: hash(3),
      notAfter: 4,
    },
    renamed: { deltaWei: 'delta' },
  },
  {
    type: 'Drain(bytes32 ledgerId,uint64 drainSeq,uint128 amount,uint64 notAfter)',
    struct: credit.drainStruct as never,
    value: { ledgerId: hash(1), drainSeq: 2, amountWei: wei(3n), notAfter: 4 },
    renamed: { amountWei: 'amount' },
  },
  {
    type: 'JournalReset(bytes32 ledgerId,uint64 atSize,bytes32 atHead,bytes32 newHead,uint64 notAfter)',
    struct: credit.journalResetStruct as never,
    value: { ledgerId: hash(1), atSize: 2, atHead: hash(3), newHead: hash(4), notAfter: 5 },
  },
  {
    type: 'RotateApproval(bytes32 ledgerId,uint48 epoch,address newAuthority,bytes32 logKey,bytes32 config,bytes32 imageDigest,uint64 notAfter)',
    struct: credit.rotateApprovalStruct as never,
    value: {
      ledgerId: hash(1),
      epoch: 2,
      newAuthority: address(3),
      logKey: hash(4),
      config: hash(5),
      imageDigest: hash(6),
      notAfter: 7,
    },
  },
]

function fieldsOf(type: string): { name: string; type: string }[] {
  const inner = type.slice(type.indexOf('(') + 1, -1)
  return inner.split(',').map((field) => ({ type: field.split(' ')[0] as string, name: field.split(' ')[1] as string }))
}

/** viem's digest of the same struct, from the type's own text. */
function viemDigest({ type, value, renamed = {} }: Case): string {
  const primaryType = type.slice(0, type.indexOf('('))
  const message = Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      renamed[name] ?? name,
      typeof field === 'number' ? BigInt(field) : field,
    ]),
  )
  const domain = { name: 'Anchorhold', version: '1', chainId: ledger.chainId, verifyingContract: ledger.anchor }
  return hashTypedData({ domain, types: { [primaryType]: fieldsOf(type) }, primaryType, message })
}

describe('typed data', () => {
  for (const example of cases) {
    const name = example.type.slice(0, example.type.indexOf('('))
    it(`digests ${name} as viem does, and differently for each changed field`, () => {
      const digest = toHex(typedDigest(ledger, example.struct(example.value as never)))
      expect(digest).to.equal(viemDigest(example))
      for (const [field, value] of Object.entries(example.value)) {
        const changed = { ...example.value, [field]: changedValue(value) }
        expect(toHex(typedDigest(ledger, example.struct(changed as never))), field).to.not.equal(digest)
      }
      expect(toHex(typedDigest({ ...ledger, chainId: 1 }, example.struct(example.value as never)))).to.not.equal(digest)
      expect(
        toHex(typedDigest({ ...ledger, anchor: address(9) }, example.struct(example.value as never))),
      ).to.not.equal(digest)
    })
  }

  it('hashes a header as viem hashes the struct, field by field', () => {
    const header: Header = {
      version: 1,
      ledgerId: hash(1),
      epoch: U48,
      sequence: 3,
      prev: hash(4),
      balanceRoot: hash(5),
      treeDepth: 17,
      accounts: 2 ** 32 - 1,
      logSize: SAFE,
      logRoot: hash(6),
      creditedWei: wei(2n ** 127n - 1n),
      paidWei: wei(8n),
      reservedWei: wei(9n),
      journalHead: hash(10),
      journalSize: 11,
      policyVersion: 12,
      policyHash: hash(13),
      imageDigest: hash(14),
    }
    const type =
      'Header(uint16 version,bytes32 ledgerId,uint48 epoch,uint48 sequence,bytes32 prev,bytes32 balanceRoot,uint8 treeDepth,uint32 accounts,uint64 logSize,bytes32 logRoot,uint128 credited,uint128 paid,uint128 reserved,bytes32 journalHead,uint64 journalSize,uint32 policyVersion,bytes32 policyHash,bytes32 imageDigest)'
    const types = ['bytes32', ...fieldsOf(type).map((field) => field.type)].map((name) => ({ type: name }))
    const values = [viemKeccak256(new TextEncoder().encode(type)), ...Object.values(header)]
    expect(headerHash(header)).to.equal(viemKeccak256(encodeAbiParameters(types, values as never)))
    for (const [field, value] of Object.entries(header)) {
      expect(headerHash({ ...header, [field]: changedValue(value) }), field).to.not.equal(headerHash(header))
    }
  })

  it('folds a bitmap into a head, and names a ledger, as Solidity encodes them', () => {
    const pair = encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [hash(1), 2n ** 128n - 1n])
    expect(foldHead(hash(1), 2n ** 128n - 1n)).to.equal(viemKeccak256(pair))
    const id = encodeAbiParameters([{ type: 'uint256' }, { type: 'address' }], [42_161n, ledger.anchor])
    expect(ledgerIdOf(ledger)).to.equal(viemKeccak256(id))
  })
})

function changedValue(value: unknown): unknown {
  if (typeof value === 'number') return value - 1
  if (typeof value === 'bigint') return value - 1n
  if (typeof value === 'string' && value.startsWith('0x'))
    return `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`
  return `${value as string}!`
}
