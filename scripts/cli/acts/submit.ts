/** An act with its signatures, in the order and the places in which the enclave takes them. */
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import type { Address } from '../../../enclave/protocol/ids.ts'
import type { ReleasedRecord } from '../../../enclave/protocol/method-results.ts'
import type { Params } from '../../../enclave/protocol/methods.ts'
import type { Policy } from '../../../enclave/protocol/policy.ts'
import type { Context } from '../../../host/context.ts'
import { writeDurably } from '../../../host/durable-file.ts'
import { activeSession } from '../report.ts'
import type { Act, ActFile } from './file.ts'

export type Submitted = { readonly [name: string]: unknown }

/** Refuses ACT_INVALID for another ledger or a missing signature, and what the enclave refuses. */
export async function submitAct(context: Context, { file }: Act): Promise<Submitted> {
  const { chainId, anchor } = context.config
  if (file.ledger.chainId !== chainId || file.ledger.anchor !== anchor)
    refuse('ACT_INVALID', `an act for ${anchor} on chain ${chainId}`, file.ledger)
  // Only set_policy may come before the session; its records belong to the boot that recovers.
  const session = file.act === 'policy' ? await anySession(context) : await activeSession(context)
  const { records, ...result } = await call(context, file)
  await context.records.store(session, records)
  if (file.act === 'policy') await keepPolicy(context, file)
  return result
}

async function anySession({ enclave }: Context): Promise<Address> {
  const { phase, session } = await enclave.call('status', {})
  if (session !== undefined) return session
  throw new CodedError('PHASE_FORBIDS', `expected an enclave with a ledger, got one that is ${phase}`)
}

type Result = { readonly records: readonly ReleasedRecord[] }

function call({ enclave, policy }: Context, file: ActFile): Promise<Result> {
  const signatures = () => quorumOf(file, policy)
  switch (file.act) {
    case 'policy':
      return enclave.call('set_policy', { ...paramsOf<'set_policy'>(file), signatures: signatures() })
    case 'adjust':
      return enclave.call('adjust', { ...paramsOf<'adjust'>(file), signatures: signatures() })
    case 'drain':
      return enclave.call('drain', { ...paramsOf<'drain'>(file), signatures: signatures() })
    case 'journal-reset':
      return enclave.call('journal_reset', { ...paramsOf<'journal_reset'>(file), signatures: signatures() })
    case 'register':
      return enclave.call('register', registration(file, policy))
    case 'change-recipient':
      return enclave.call('change_recipient', change(file, policy))
    case 'rotate-approval':
      throw new CodedError('ACT_INVALID', 'expected an act of the ledger; an approval is used by: anchorhold rotate')
  }
}

/** Fields that were read once by their own schema; the enclave reads them again. */
function paramsOf<M extends 'set_policy' | 'adjust' | 'drain' | 'journal_reset'>(
  file: ActFile,
): Omit<Params<M>, 'signatures'> {
  return file.fields as unknown as Omit<Params<M>, 'signatures'>
}

/** Exactly a quorum of those who are admins, ascending. Who is one is the enclave's to judge; a stale policy here costs a refusal. */
export function quorumOf(file: ActFile, { admins, quorum }: Policy): string[] {
  const known = file.signatures.filter(({ signer }) => (admins as readonly string[]).includes(signer))
  if (known.length < quorum)
    refuse('ACT_INVALID', `signatures of ${quorum} of the admins ${admins.join(' ')}`, signersOf(known))
  return known.slice(0, quorum).map(({ signature }) => signature)
}

function signersOf(signatures: ActFile['signatures']): string {
  return signatures.length === 0 ? 'none of them' : signatures.map(({ signer }) => signer).join(' ')
}

/** Whoever else signed in vain: the registrar is one whom the policy names. Who is one is the enclave's to judge. */
function registration(file: ActFile, { registrars }: Policy): Params<'register'> {
  const recipient = String(file.fields['recipient']).toLowerCase()
  const others = file.signatures.filter(({ signer }) => signer !== recipient)
  const registrar = others.find(({ signer }) => (registrars as readonly string[]).includes(signer)) ?? others[0]
  return {
    ...(file.fields as unknown as Omit<Params<'register'>, 'recipientSignature' | 'registrarSignature'>),
    recipientSignature: signatureBy(file, recipient),
    registrarSignature: registrar?.signature ?? null,
  }
}

/** By the old recipient, or by a quorum where he cannot sign. */
function change(file: ActFile, policy: Policy): Params<'change_recipient'> {
  const { from, to } = file.fields as { readonly from: string; readonly to: string }
  const own = file.signatures.find(({ signer }) => signer === from.toLowerCase())
  if (own === undefined && !file.signatures.some(({ signer }) => (policy.admins as readonly string[]).includes(signer)))
    refuse('ACT_INVALID', `a signature by ${from}, or by ${policy.quorum} admins in its place`, 'neither')
  return {
    ...(file.fields as unknown as Omit<Params<'change_recipient'>, 'fromSignature' | 'toSignature' | 'signatures'>),
    fromSignature: own?.signature ?? null,
    toSignature: signatureBy(file, to.toLowerCase()),
    signatures: own === undefined ? quorumOf(file, policy) : [],
  }
}

function signatureBy({ signatures }: ActFile, signer: string): string {
  const found = signatures.find((signature) => signature.signer === signer)
  if (found === undefined) refuse('ACT_INVALID', `a signature by ${signer}`, signersOf(signatures))
  return found.signature
}

/** The host paces itself by the policy in force; the enclave does not give it out again. */
async function keepPolicy({ config }: Context, file: ActFile): Promise<void> {
  await writeDurably(config.paths.policy, `${JSON.stringify(file.fields['policy'])}\n`)
}
