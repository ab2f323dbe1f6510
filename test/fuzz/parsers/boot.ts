/** What a host says to an enclave that was not told yet what it is for, over an NSM that may fail at any moment. */
import { createHash } from 'node:crypto'
import { type Boot, CONFIGURATION_PCR } from '../../../enclave/boot.ts'
import { readEnvelope } from '../../../enclave/protocol/attestation/envelope.ts'
import { readPayload } from '../../../enclave/protocol/attestation/payload.ts'
import { decodeUserData } from '../../../enclave/protocol/attestation/user-data.ts'
import { ERRORS } from '../../../enclave/protocol/errors.ts'
import { decodeRequest, type Message } from '../../../enclave/protocol/frame.ts'
import { ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { METHODS } from '../../../enclave/protocol/methods.ts'
import { SIGNER_METHODS } from '../../../enclave/protocol/signer-methods.ts'
import { type Dice, newDice } from '../../../scripts/journal/dice.ts'
import { anAddress } from '../../builders/boot.ts'
import {
  aColdBoot,
  answerOf,
  aWatchedNsm,
  type NsmFault,
  type Told,
  type WatchedNsm,
} from '../../builders/cold-boot.ts'
import { aHash, aSignerConfiguration } from '../../unit/enclave/signer/a-signer.ts'
import { ACCEPTED, demand, type Outcome, type Target } from '../engine/target.ts'
import { type Fields, requestOf } from '../mutations.ts'
import { changeSequence, packed, unpacked } from './packing.ts'

const REQUESTS_MAX = 6
/** Calls of the module that a fault may hit; twice as many faults, and as many inputs without one. */
const CALLS_MAX = 8
const METHOD_NAMES = [...new Set([...Object.keys(METHODS), ...Object.keys(SIGNER_METHODS)])]
/** What may be answered with a result before anything is locked. */
const OPEN_METHODS: ReadonlySet<string> = new Set(['status'])

const TERMS = { keyId: `arn:aws:kms:eu-west-1:111122223333:key/${'ab'.repeat(8)}`, region: 'eu-west-1', keyVersion: 1 }
const CORE = {
  role: 'core',
  chainId: 42_161,
  anchor: anAddress(1),
  broker: anAddress(2),
  guardian: anAddress(3),
  genesisHash: aHash(4),
}

function aConfiguration(dice: Dice): Fields {
  const { policy, ...place } = aSignerConfiguration()
  const inText = Object.entries(policy).map(([key, value]) => [key, typeof value === 'bigint' ? `${value}` : value])
  const whole = dice.below(2) === 0 ? CORE : { ...place, policy: Object.fromEntries(inText) }
  return (dice.below(2) === 0 ? whole : { ...whole, keyRelease: TERMS }) as Fields
}

/** As a client of the replaced signer names them. */
function someTerms(dice: Dice): Fields {
  const terms = { chain_id: dice.pick([1, 42_161, '0xa4b1', 'one']), ticket_broker: anAddress(2) }
  const key = dice.below(2) === 0 ? {} : { key_id: TERMS.keyId, region: TERMS.region }
  return { ...terms, ...key, max_face_value_wei: dice.pick([0, '1000', '0x10']), ciphertext_b64: 'AAEC' }
}

function aRequest(dice: Dice): Uint8Array {
  const kind = dice.below(6)
  if (kind < 3) return requestOf(dice, 'configure', { configuration: aConfiguration(dice) })
  if (kind < 5) return requestOf(dice, dice.pick(['generate', 'provision']), someTerms(dice))
  return requestOf(dice, dice.pick(METHOD_NAMES), {})
}

function aSequence(dice: Dice): Uint8Array {
  const requests = Array.from({ length: 1 + dice.below(REQUESTS_MAX) }, () => aRequest(dice))
  return Uint8Array.of(dice.below(4 * CALLS_MAX), ...packed(requests))
}

function faultOf(byte: number | undefined): NsmFault | undefined {
  const number = byte ?? 0
  const moment = number % 2 === 0 ? 'before' : 'after'
  return number < 2 * CALLS_MAX ? { call: Math.floor(number / 2), moment } : undefined
}

type Stage = { readonly boot: ReturnType<typeof aColdBoot>; readonly watched: WatchedNsm; value: string }

function registerNow(stage: Stage): { readonly locked: boolean; readonly value: string } {
  const { fault } = stage.watched
  stage.watched.fault = undefined
  const { locked, value } = stage.watched.nsm.describePcr(CONFIGURATION_PCR)
  stage.watched.asked.pop()
  stage.watched.fault = fault
  return { locked, value: Buffer.from(value).toString('hex') }
}

const UNTOUCHED = '00'.repeat(48)

async function shoot(stage: Stage, request: Uint8Array): Promise<Outcome> {
  const { boot } = stage
  const wasTold = boot.role !== undefined
  const told = await answerOf(boot, request)
  judgeRegister(stage, told, boot)
  if (told.error !== undefined) {
    const { code } = told.error
    demand(Object.hasOwn(ERRORS, code) && code !== 'INTERNAL', `a code of the catalogue: ${code}`)
    demand(wasTold || code !== 'PHASE_FORBIDS', 'no phase is judged before there is one')
    return code as Outcome
  }
  const { method } = decodeRequest(request)
  demand(
    wasTold || boot.role !== undefined || OPEN_METHODS.has(method),
    `no answer to ${method} before a configuration`,
  )
  if (method === 'attestation') judgeDocument(told.result ?? {})
  return ACCEPTED
}

/** It leaves zero once, for what the role answers to, and stays there. */
function judgeRegister(stage: Stage, { result }: Told, { role }: Boot): void {
  const { locked, value } = registerNow(stage)
  demand(stage.value === UNTOUCHED || value === stage.value, 'PCR16 is extended once')
  stage.value = value
  demand(role === undefined || (locked && value !== UNTOUCHED), 'a role stands behind a locked register')
  const named = result?.['locked']
  if (typeof named !== 'string') return
  const extended = Buffer.concat([Buffer.alloc(48), Buffer.from(named.slice(2), 'hex')])
  demand(value === createHash('sha384').update(extended).digest('hex'), 'PCR16 is what the answer says')
}

function judgeDocument(result: Message): void {
  const document = new Uint8Array(Buffer.from(String(result['document_b64']), 'base64'))
  const { userData } = readPayload(readEnvelope(document).payload)
  demand(userData !== null && decodeUserData(userData).config !== ZERO_HASH, 'a document names a configuration')
}

const firstMinute: Target = {
  name: 'first-minute',
  claim: 'whatever comes first, PCR16 is extended once, and before that nothing is answered but status and refusals',
  inputs: 600,
  seeds: () => Array.from({ length: 60 }, (_, at) => aSequence(newDice(at))),
  generate: aSequence,
  mutate: (dice, input) => changeSequence(dice, input, REQUESTS_MAX),
  run: async (input) => {
    const watched = aWatchedNsm()
    watched.fault = faultOf(input[0])
    const stage: Stage = { boot: aColdBoot(watched), watched, value: UNTOUCHED }
    let outcome: Outcome = ACCEPTED
    for (const request of unpacked(input.subarray(1)).slice(0, REQUESTS_MAX)) outcome = await shoot(stage, request)
    demand(stage.boot.reported.length === 0, 'no bug is reported')
    return outcome
  },
}

export const BOOT: readonly Target[] = [firstMinute]
