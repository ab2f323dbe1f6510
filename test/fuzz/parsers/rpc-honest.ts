/** A small ledger with one landed commit: what an honest endpoint answers about it, and the files of its public log. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import {
  encodeAbiParameters,
  encodeEventTopics,
  encodeFunctionResult,
  parseAbiParameters,
  toFunctionSelector,
} from 'viem'
import { ANCHOR_ABI } from '../../../enclave/protocol/anchor-abi.ts'
import { fromHex, type Hash, toHash } from '../../../enclave/protocol/ids.ts'
import { leafHash } from '../../../enclave/protocol/log-tree.ts'
import { checkpointText, logOrigin, signNote, verifierKeyOf } from '../../../enclave/protocol/note.ts'
import { encodeEntryBundle, tilePath } from '../../../enclave/protocol/tlog.ts'
import {
  ANCHOR,
  AUTHORITY,
  addressOf,
  aPolicy,
  BROKER,
  GUARDIAN,
  hashOf,
  LogBuilder,
} from '../../unit/auditor/log-builder.ts'
import { bytesOf } from '../engine/target.ts'

export const CHAIN_ID = 31_337

const SESSION = addressOf(0x5000)
const BLOCK = 12
/** RFC 8410: what stands before the 32 bytes of an Ed25519 private key. */
const PKCS8_PREFIX = fromHex('0x302e020100300506032b657004220420')
const SPKI_PREFIX_BYTES = 12

const LOG_SECRET = createPrivateKey({
  key: Buffer.concat([PKCS8_PREFIX, new Uint8Array(32).fill(5)]),
  format: 'der',
  type: 'pkcs8',
})
const LOG_KEY = new Uint8Array(
  createPublicKey(LOG_SECRET).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX_BYTES),
)

const ledger = new LogBuilder({
  policy: aPolicy({ chainId: CHAIN_ID }),
  roster: [{ id: 'orch-a', recipient: addressOf(0x11) }],
  logKey: toHash(LOG_KEY),
})
  .lineOf('orch-a', '0.5')
  .open(SESSION)
  .bare()

const { unlanded } = ledger.state
if (unlanded === null) throw new Error('a bare commit is unlanded')
const { header, hash: HEAD } = unlanded

/** Path and content of every published file. */
export const FILES: ReadonlyMap<string, Uint8Array> = publishedFiles()

function publishedFiles(): Map<string, Uint8Array> {
  const entries = ledger.entries.slice(0, header.logSize)
  const width = entries.length
  const key = verifierKeyOf(logOrigin(CHAIN_ID, ANCHOR), LOG_KEY)
  const text = checkpointText({ origin: key.name, size: width, root: fromHex(header.logRoot) })
  return new Map([
    ['checkpoint', bytesOf(signNote(text, key, (message) => new Uint8Array(sign(null, message, LOG_SECRET))))],
    [tilePath({ kind: 'entries', index: 0, width }), encodeEntryBundle(entries)],
    [tilePath({ kind: 'hashes', level: 0, index: 0, width }), new Uint8Array(Buffer.concat(entries.map(leafHash)))],
  ])
}

type EventName = Parameters<typeof encodeEventTopics<typeof ANCHOR_ABI>>[0]['eventName']

function aLog(at: number, eventName: EventName, args: object, types: string, values: readonly unknown[]): object {
  return {
    address: ANCHOR,
    topics: encodeEventTopics({ abi: ANCHOR_ABI, eventName, args } as never),
    data: encodeAbiParameters(parseAbiParameters(types), values as never),
    blockNumber: hex(at),
    blockHash: hashOf(at),
    transactionHash: hashOf(0x100 + at),
    transactionIndex: '0x0',
    logIndex: '0x0',
    removed: false,
  }
}

const LOGS = [
  aLog(1, 'AuthorityAppointed', {}, 'address', [AUTHORITY]),
  aLog(2, 'SessionOpened', { epoch: 1 }, 'bytes32, address, bytes32', [hashOf(0), SESSION, hashOf(0)]),
  aLog(3, 'Committed', { epoch: 1, sequence: 1 }, 'bytes32, bytes32, bytes32, bytes32, uint64', [
    header.prev,
    HEAD,
    header.balanceRoot,
    header.logRoot,
    BigInt(header.logSize),
  ]),
]

const VIEWS: { readonly [name: string]: unknown } = {
  head: HEAD,
  sequence: 1,
  epoch: 1,
  session: SESSION,
  authority: AUTHORITY,
  frozenAt: 0,
  guardian: GUARDIAN,
  ticketBroker: BROKER,
}
const LIVEPEER: { readonly [signature: string]: Hash } = {
  'controller()': word(0xc0),
  'getContract(bytes32)': word(0xc1),
  'currentRound()': word(7),
  'currentRoundInitialized()': word(1),
  'blockHashForRound(uint256)': hashOf(9),
  'isRegisteredTranscoder(address)': word(1),
}
const CALLS: ReadonlyMap<string, string> = new Map([
  ...Object.entries(VIEWS).map(([name, result]): [string, string] => [
    toFunctionSelector(`${name}()`),
    encodeFunctionResult({ abi: ANCHOR_ABI, functionName: name, result } as never),
  ]),
  ...Object.entries(LIVEPEER).map(([signature, result]): [string, string] => [toFunctionSelector(signature), result]),
])

/** What the chain would answer. */
export function honestAnswer(method: string, params: readonly unknown[]): unknown {
  switch (method) {
    case 'eth_chainId':
      return hex(CHAIN_ID)
    case 'eth_blockNumber':
      return hex(BLOCK)
    case 'eth_getCode':
      return '0x6000'
    case 'eth_getBalance':
      return hex(10 ** 6)
    case 'eth_getTransactionCount':
    case 'eth_estimateGas':
      return hex(5)
    case 'eth_call':
      return CALLS.get(String((params[0] as { data?: unknown } | undefined)?.data).slice(0, 10)) ?? '0x'
    case 'eth_getLogs':
      return LOGS.filter((log) => isAsked(log as Filter, params[0] as Filter))
    case 'eth_getBlockByNumber':
      return {
        number: hex(BLOCK),
        hash: hashOf(BLOCK),
        timestamp: hex(1_800_000_000),
        baseFeePerGas: hex(10 ** 8),
        transactions: [],
      }
    case 'eth_getTransactionReceipt':
      return { status: '0x1', blockNumber: hex(3), blockHash: hashOf(3), transactionHash: hashOf(0x103), logs: [] }
    case 'eth_getTransactionByHash':
      return { hash: hashOf(0x103), to: ANCHOR, input: '0x', blockNumber: hex(3) }
    case 'eth_sendRawTransaction':
      return hashOf(0x104)
    default:
      return null
  }
}

type Filter = { readonly address?: unknown; readonly topics?: readonly unknown[] }

/** By the event alone: what comes too much is sorted out by who asked. */
function isAsked({ topics = [] }: Filter, { address, topics: asked = [] }: Filter): boolean {
  const [first] = asked
  const wanted = Array.isArray(first) ? first : [first]
  return (
    String(address).toLowerCase() === ANCHOR && (first === undefined || first === null || wanted.includes(topics[0]))
  )
}

function hex(number: number): string {
  return `0x${number.toString(16)}`
}

function word(number: number): Hash {
  return hashOf(number)
}
