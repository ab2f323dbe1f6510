/** Acts that go from desk to desk: whoever has held the file chose its bytes, and the next one signs what is shown. */
import { type Hex, hashTypedData, recoverAddress } from 'viem'
import { fromHex, toHex } from '../../../enclave/protocol/ids.ts'
import { formatEther } from '../../../enclave/protocol/money.ts'
import { policyCodec, policyHash } from '../../../enclave/protocol/policy.ts'
import { parseStrictJson } from '../../../enclave/protocol/strict-json.ts'
import { ledgerIdOf } from '../../../enclave/protocol/typed-data.ts'
import { SIGNER_KEY_VARIABLE } from '../../../scripts/cli/acts/answers.ts'
import { type Act, type ActFile, newAct, readAct, withSignature } from '../../../scripts/cli/acts/file.ts'
import { KINDS, type KindName } from '../../../scripts/cli/acts/kinds.ts'
import { EXIT_OK } from '../../../scripts/cli/answer.ts'
import { runCli } from '../../../scripts/cli/program.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { anAddress, aPolicy } from '../../builders/boot.ts'
import { ADMINS } from '../../builders/governors.ts'
import { bytesOf, demand, judgedLater, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside, changeMeaning, doubleKey, type Value } from '../mutations.ts'
import { aFile, aFolder, removeFiles } from './files.ts'
import { packed, unpacked } from './packing.ts'
import { demandReadable, type Said, saying } from './terminal.ts'

const LEDGER = { chainId: 42_161, anchor: anAddress(0xa1) }
const NOT_AFTER = 1_900_000_000
const HASH = `0x${'5a'.repeat(32)}`
const BEFORE = aPolicy()
const FIELDS: { readonly [name in KindName]: ActFile['fields'] } = {
  policy: {
    version: 2,
    policy: inJson(policyCodec.encode(aPolicy({ deniedRecipients: [anAddress(9)] }))),
    prevPolicyHash: policyHash(BEFORE),
    notAfter: NOT_AFTER,
  },
  adjust: { adjustSeq: 1, orchestratorId: 'orch-0', deltaWei: '-5', reasonHash: HASH, notAfter: NOT_AFTER },
  drain: { drainSeq: 1, amountWei: '1000000000000000001', notAfter: NOT_AFTER },
  'journal-reset': { atSize: 3, atHead: HASH, newHead: `0x${'6b'.repeat(32)}`, notAfter: NOT_AFTER },
  'rotate-approval': {
    ...{ epoch: 2, newAuthority: anAddress(7), logKey: HASH, config: HASH, imageDigest: HASH },
    notAfter: NOT_AFTER,
  },
  register: { orchestratorId: 'orch-\u{1f600}', recipient: anAddress(5), regSeq: 1, notAfter: NOT_AFTER },
  'change-recipient': {
    ...{ orchestratorId: 'orch-0', from: anAddress(5), to: anAddress(6), regSeq: 2 },
    notAfter: NOT_AFTER,
  },
}

/** Bytes as a file of JSON has them. */
function inJson(value: unknown): ActFile['fields'][string] {
  const text = JSON.stringify(value, (_, inner) => {
    if (inner instanceof Uint8Array) return toHex(inner)
    return typeof inner === 'bigint' ? inner.toString() : inner
  })
  return JSON.parse(text) as ActFile['fields'][string]
}

function anAct(kind: KindName, signers = 0): ActFile {
  const file = newAct(kind, LEDGER, FIELDS[kind])
  const struct = KINDS[kind].read(file.fields).struct(ledgerIdOf(LEDGER))
  return ADMINS.slice(0, signers).reduce(
    (signed, { address, sign }) => withSignature(signed, address, sign(LEDGER, struct)),
    file,
  )
}

const KIND_NAMES = Object.keys(KINDS) as KindName[]
const BEFORE_BYTES = bytesOf(JSON.stringify(inJson(policyCodec.encode(BEFORE))))

/** What is asked of the file, the act, and the policy that a signer takes for the one in force. */
function inputOf(asked: number, act: ActFile): Uint8Array {
  return packed([Uint8Array.of(asked), bytesOf(JSON.stringify(act)), BEFORE_BYTES])
}

const SIGN = 1
const COMPARE = 2

/** Fields changed and the typed data made anew, as whoever proposes would; or the file changed alone. */
function changeAct(dice: Dice, input: Uint8Array): Uint8Array {
  const [asked = Uint8Array.of(0), act = new Uint8Array(0), before = BEFORE_BYTES] = unpacked(input)
  const kind = dice.below(6)
  if (kind === 0) return packed([Uint8Array.of(dice.below(4)), act, changeInside(dice, before)])
  if (kind === 1) return packed([asked, (dice.below(2) === 0 ? changeBytes : doubleKey)(dice, act), before])
  return packed([Uint8Array.of(dice.below(4)), kind < 4 ? proposedAnew(dice, act) : changeInside(dice, act), before])
}

function proposedAnew(dice: Dice, bytes: Uint8Array): Uint8Array {
  try {
    const { act, fields } = JSON.parse(textOf(bytes)) as ActFile
    const changed =
      dice.below(3) === 0 ? strangeText(dice, fields) : (changeMeaning(dice, fields as Value) as typeof fields)
    return bytesOf(JSON.stringify(newAct(act, LEDGER, changed)))
  } catch {
    // These fields are none of an act: a file that says so would only be refused for its typed data.
    return changeInside(dice, bytes)
  }
}

const STRANGE = ['\u001b[2J', '\u202e', '\u0007', '\u009b', '\u2066x', '\r', '\n', '"', '\\', '\u2028', '\u007f']

/** An id as it may stand in a journal: anything of which a terminal makes something else. */
function strangeText(dice: Dice, fields: ActFile['fields']): ActFile['fields'] {
  if (typeof fields['orchestratorId'] !== 'string') return fields
  return { ...fields, orchestratorId: `${dice.pick(STRANGE)}${fields['orchestratorId']}${dice.pick(STRANGE)}` }
}

const actFile: Target = {
  name: 'act-file',
  claim: 'shows a signer what the file has him sign, in characters that mean nothing else, and signs that or nothing',
  inputs: 80,
  seeds: () => [
    ...KIND_NAMES.map((kind) => inputOf(0, anAct(kind))),
    inputOf(SIGN, anAct('drain')),
    inputOf(SIGN | COMPARE, anAct('policy', 2)),
    inputOf(COMPARE, anAct('policy')),
  ],
  generate: (dice) => inputOf(dice.below(4), anAct(dice.pick(KIND_NAMES), dice.below(3))),
  mutate: changeAct,
  run: async (input) => {
    const [asked = Uint8Array.of(0), bytes = new Uint8Array(0), before = new Uint8Array(0)] = unpacked(input)
    const path = aFile('act.json', bytes)
    aFile('before.json', before)
    let act: Act | undefined
    const outcome = await judgedLater(
      () => readAct(path),
      ['ACT_INVALID', 'POLICY_INVALID'],
      (read) => {
        act = read
        return judgeAct(read, bytes)
      },
    )
    await judgeSigning(asked[0] ?? 0, act, path)
    return outcome
  },
  close: removeFiles,
}

/** What a wallet would sign, computed by one that knows nothing of us. */
async function judgeAct({ file, ledger, digest }: Act, bytes: Uint8Array): Promise<void> {
  demand(parseStrictJson(bytes).kind === 'object', 'one reading, whatever reads it')
  const { typedData } = JSON.parse(textOf(bytes)) as { typedData: Parameters<typeof hashTypedData>[0] }
  demand(hashTypedData(typedData) === digest, 'a wallet signs this very digest')
  const { domain = {}, message } = typedData as { domain?: { chainId?: unknown }; message: { ledgerId?: unknown } }
  demand(Number(domain.chainId) === file.ledger.chainId && message.ledgerId === ledgerIdOf(ledger), 'for one ledger')
  for (const { signer, signature } of file.signatures) {
    const recovered = await recoverAddress({ hash: digest as Hex, signature: signature as Hex })
    demand(recovered.toLowerCase() === signer, `a signature by ${signer}`)
  }
}

async function judgeSigning(asked: number, act: Act | undefined, path: string): Promise<void> {
  const said: Said = { out: '', err: '' }
  const [signer] = ADMINS
  const words = ['admin', 'sign', path, ...(asked & SIGN ? ['--yes'] : [])]
  const compare = asked & COMPARE ? ['--before', 'before.json'] : []
  const key = `0x${'11'.repeat(32)}`
  const code = await runCli([...words, ...compare], saying(said, aFolder(), { [SIGNER_KEY_VARIABLE]: key }))
  demandReadable(said)
  demand(!said.out.includes('11'.repeat(32)) && !said.err.includes('11'.repeat(32)), 'no key is shown')
  if (code !== EXIT_OK) return demand(said.out === '', 'nothing but the refusal')
  demand(act !== undefined && signer !== undefined, 'nothing is shown of what is no act')
  demandShown(act, said.out)
  const signed = await readAct(path)
  demand(signed.digest === act.digest, 'what was shown is what is in the file')
  const more = signed.file.signatures.filter(
    ({ signature }) => !act.file.signatures.some((old) => old.signature === signature),
  )
  demand(more.length <= (asked & SIGN), 'one signature more, where it was asked for')
  for (const { signature } of more) demand(fromHex(signature as Hex).length === 65, 'a signature')
}

const ELSEWHERE: readonly string[] = ['ledgerId', 'policyHash', 'prevPolicyHash', 'notAfter']

/** Each value that is signed stands in the words, as people write it. */
function demandShown({ reading, digest }: Act, shown: string): void {
  demand(shown.includes(digest), 'the digest')
  for (const [name, value] of Object.entries(reading.message)) {
    if (ELSEWHERE.includes(name)) continue
    if (typeof value === 'bigint') {
      demand(shown.includes(`${formatEther((value < 0n ? -value : value) as never)} ETH`), `${name} in ether`)
      demand(value >= 0n || shown.includes(': take '), 'that it takes')
    } else if (typeof value === 'number') demand(shown.includes(`${value}`), name)
    else if (/^0x[0-9a-f]+$/.test(String(value))) demand(shown.includes(String(value)), name)
  }
}

export const ACTS: readonly Target[] = [actFile]
