/** What people and machines hand to our tools: work to be credited, receipts, calls of the anchor, places, policies of keys. */
import { parseReceipt } from '../../../auditor/receipt.ts'
import { type AnchorCall, decodeAnchorCall, encodeAnchorCall } from '../../../enclave/protocol/anchor.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { AMOUNT_WEI_LIMIT } from '../../../enclave/protocol/money.ts'
import { parseStrictJson } from '../../../enclave/protocol/strict-json.ts'
import { parseEndpoint } from '../../../enclave/shell/endpoint.ts'
import { parseEnclaveEndpoint, readEnclaveEndpoint } from '../../../host/enclave-endpoint.ts'
import { EVENT_LINE_BYTES_MAX, parseEventLine } from '../../../reporter/event.ts'
import { readKeyPolicy } from '../../../scripts/kms/statement.ts'
import { ACCEPTED, bytesOf, demand, isSame, judged, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside } from '../mutations.ts'

const PORT_MAX = 65_535
const EVENT = { orchestratorId: 'orch-0', amountWei: '1', eventId: 'event 1', workHash: ZERO_HASH }
const SIGNATURE = new Uint8Array(65).fill(1)

const creditEvent: Target = {
  name: 'credit-event',
  claim: 'reads a line of work as what the enclave could take, or refuses it with its number',
  inputs: 15_000,
  seeds: () =>
    [EVENT, { ...EVENT, amountWei: undefined, amount: '0.5' }, { ...EVENT, recipient: ZERO_ADDRESS }].map((event) =>
      bytesOf(JSON.stringify(event)),
    ),
  mutate: changeInside,
  run: (input) =>
    judged(
      () => parseEventLine(textOf(input), 7),
      ['EVENT_INVALID'],
      ({ amountWei, orchestratorId, eventId, recipient }) => {
        demand(amountWei > 0n && amountWei < AMOUNT_WEI_LIMIT, 'an amount that a credit may have')
        demand(orchestratorId !== '' && eventId !== '', 'an id and a name')
        demand(textOf(input).length <= EVENT_LINE_BYTES_MAX, 'a line within its limit')
        demand(/^0x[0-9a-f]{40}$/.test(recipient), 'a recipient in lower case')
      },
    ),
}

const receipt: Target = {
  name: 'receipt',
  claim: 'reads a receipt field by field, or refuses it',
  inputs: 10_000,
  seeds: () => [
    bytesOf(JSON.stringify({ epoch: 1, logIndex: 5, leafHash: ZERO_HASH, signature: `0x${'11'.repeat(65)}` })),
  ],
  mutate: changeInside,
  run: (input) =>
    judged(
      () => {
        const read = parseStrictJson(input)
        return parseReceipt(read.kind === 'object' ? read.value : undefined)
      },
      ['PARAMS_INVALID'],
      ({ epoch, logIndex }) => demand(Number.isSafeInteger(epoch) && Number.isSafeInteger(logIndex), 'whole numbers'),
    ),
}

const COMMIT = {
  ...{ epoch: 1, sequence: 2, prev: ZERO_HASH, next: ZERO_HASH, payoutsHash: ZERO_HASH },
  ...{ balanceRoot: ZERO_HASH, logRoot: ZERO_HASH, logSize: 9 },
}
const CALLS: readonly AnchorCall[] = [
  {
    kind: 'openSession',
    open: { epoch: 1, head: ZERO_HASH, session: ZERO_ADDRESS, attestationDigest: ZERO_HASH },
    signature: SIGNATURE,
  },
  { kind: 'commit', commit: COMMIT, signature: SIGNATURE },
  { kind: 'commitAndPay', commit: COMMIT, payouts: new Uint8Array(70).fill(2), skip: 5n, signature: SIGNATURE },
]

const anchorCall: Target = {
  name: 'anchor-call',
  claim: 'reads a call of the anchor without making anything up, or refuses it',
  inputs: 2_000,
  seeds: () => CALLS.map(encodeAnchorCall),
  mutate: changeBytes,
  run: (input) =>
    judged(
      () => decodeAnchorCall(input),
      ['PAYOUTS_SYNTAX'],
      (call) => {
        // A word with more bits than its type has is no call that the contract takes: what landed has none.
        demand(call.signature.length <= input.length, 'a signature that was there')
        demand(call.kind !== 'commitAndPay' || call.payouts.length <= input.length, 'payouts that were there')
      },
    ),
}

const endpoint: Target = {
  name: 'endpoint',
  claim: 'reads where an enclave is as both of its ends do, or refuses it',
  inputs: 15_000,
  seeds: () =>
    ['unix:///run/enclave.sock', 'tcp://127.0.0.1:7000', 'tcp://[::1]:7000', 'vsock://16:5000'].map((text) =>
      bytesOf(text),
    ),
  mutate: changeBytes,
  run: (input) => {
    const text = textOf(input)
    const called = readEnclaveEndpoint(text)
    if (called !== undefined) judgePlace(called)
    judged(
      () => parseEnclaveEndpoint(text, 'enclaveEndpoint'),
      ['CONFIG_INVALID'],
      (read) => demand(isSame(read, called), 'both readers of the host read one place'),
    )
    return judged(() => parseEndpoint(text), ['CONFIG_INVALID'], judgePlace)
  },
}

function judgePlace(place: { readonly kind: string; readonly path?: string; readonly port?: number }): void {
  if (place.kind === 'unix') demand(place.path?.startsWith('/') === true, 'an absolute path')
  if (place.kind === 'tcp') demand((place.port ?? -1) >= 0 && (place.port ?? -1) <= PORT_MAX, 'a port')
}

const STATEMENT = { Sid: 'A', Effect: 'Deny', Principal: '*', Action: ['kms:Decrypt'], Resource: '*' }

const keyPolicy: Target = {
  name: 'key-policy',
  claim: 'reads any policy of a key into statements and findings, and is silent about none that it cannot read',
  inputs: 10_000,
  oneOutcome: true,
  seeds: () => [bytesOf(JSON.stringify({ Version: '2012-10-17', Statement: [STATEMENT, STATEMENT] }))],
  mutate: changeInside,
  run: (input) => {
    const { statements, findings } = readKeyPolicy(input)
    demand(statements.length > 0 || findings.length > 0, 'statements, or why there are none')
    return ACCEPTED
  },
}

export const PAPERS: readonly Target[] = [creditEvent, receipt, anchorCall, endpoint, keyPolicy]
