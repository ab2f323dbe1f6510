/** `propose`, `sign`, `submit`: three desks, so that keys stay where no network is. */
import { resolve } from 'node:path'
import { isCoded } from '../../../enclave/protocol/errors.ts'
import type { Context } from '../../../host/context.ts'
import { readKey } from '../../../reporter/key.ts'
import { type Answer, momentOf, type Terminal, tableOf } from '../answer.ts'
import type { Typed } from '../command.ts'
import { recordCommand } from '../context.ts'
import { type Act, newAct, readAct, withSignature, writeAct } from './file.ts'
import type { KindName } from './kinds.ts'
import { changesOf, readPolicy } from './policy-changes.ts'
import { proposedFields } from './propose.ts'
import { submitAct } from './submit.ts'

export const SIGNER_KEY_VARIABLE = 'ANCHORHOLD_SIGNER_KEY'

/** Writes the file that is to be signed. */
export async function proposeAnswer(
  context: Context,
  kind: KindName,
  words: Typed,
  { typedIn }: Terminal,
): Promise<Answer> {
  const out = resolve(typedIn, words['out'] ?? `${kind}.json`)
  const named = { ...words, ...(words['policy'] === undefined ? {} : { policy: resolve(typedIn, words['policy']) }) }
  const { chainId, anchor } = context.config
  await writeAct(out, newAct(kind, { chainId, anchor }, await proposedFields(context, kind, named)))
  const act = await readAct(out)
  const changes = changesFrom(act, context)
  const next = `in ${out}; each signer reads it and types: anchorhold admin sign ${out} --key-file FILE --yes`
  return { format: 'anchorhold-act/1', value: shown(act, out), text: [...changes, said(act), next].join('\n') }
}

/** Beside the policy that this folder holds for the one in force. */
function changesFrom({ file }: Act, { policy }: Context): string[] {
  try {
    return changesOf(file, policy)
  } catch (error) {
    if (!isCoded(error, 'ACT_INVALID')) throw error
    return ['Not compared: this folder does not hold the policy in force. A signer who does types: --before FILE']
  }
}

/** Says what would be signed; signs it with --yes. Needs no data folder and no network. Refuses ACT_INVALID, KEY_FILE. */
export async function signAnswer(file: string, words: Typed, { typedIn, environment }: Terminal): Promise<Answer> {
  const path = resolve(typedIn, file)
  const act = await readAct(path)
  const before = words['before'] === undefined ? undefined : await readPolicy(resolve(typedIn, words['before']))
  const changes = before === undefined ? [] : changesOf(act.file, before)
  const told = (read: Act, outcome: string): Answer => ({
    format: 'anchorhold-act/1',
    value: shown(read, path),
    text: [...changes, said(read), outcome].join('\n'),
  })
  if (words['yes'] === undefined) return told(act, 'not signed; add --yes to sign it')
  const keyFile = words['keyFile']
  const key = await readKey({
    file: keyFile === undefined ? undefined : resolve(typedIn, keyFile),
    text: environment[SIGNER_KEY_VARIABLE],
  })
  const signature = await key.signStruct(act.ledger, act.struct)
  await writeAct(path, withSignature(act.file, key.address, signature))
  return told(await readAct(path), `signed by ${key.address}`)
}

/** Gives it to the enclave with as many signatures as it takes. */
export async function submitAnswer(context: Context, file: string, { typedIn }: Terminal): Promise<Answer> {
  const act = await readAct(resolve(typedIn, file))
  await recordCommand(context, `admin submit ${act.file.act}`, { digest: act.digest })
  const result = await submitAct(context, act)
  const rows = Object.entries(result).map(([name, value]) => [name, String(value)])
  const text = `${tableOf([['done', act.file.act], ...rows])}${act.file.act === 'policy' ? POLICY_ADVICE : ''}`
  return { format: 'anchorhold-act-done/1', value: { act: act.file.act, ...result }, text }
}

const POLICY_ADVICE = '\nstart the workers and the supervisor again, so that they pace themselves by it'

function said({ file, reading, digest }: Act): string {
  const { chainId, anchor } = file.ledger
  const signers = file.signatures.length === 0 ? 'nobody yet' : file.signatures.map(({ signer }) => signer).join(', ')
  return [
    ...reading.words,
    `For the ledger of ${anchor} on chain ${chainId}; good until ${momentOf(reading.notAfter)}`,
    `Digest ${digest}; signed by ${signers}`,
  ].join('\n')
}

function shown({ file, reading, digest }: Act, path: string) {
  return {
    file: path,
    act: file.act,
    words: reading.words,
    digest,
    signers: file.signatures.map(({ signer }) => signer),
  }
}
