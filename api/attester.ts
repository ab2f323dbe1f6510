/** Who is asked for attestation documents: the ledger's enclave or the signer, each behind its own socket. */
import { decodeBase64 } from '../enclave/protocol/base64.ts'
import { CodedError } from '../enclave/protocol/errors.ts'
import type { StatusResult } from '../enclave/protocol/method-results.ts'
import type { EnclaveClient } from '../host/enclave-client.ts'

/** Each method is one call of the enclave. */
export type Attester = {
  status(): Promise<AttesterStatus>
  /** An attestation document as base64. Refuses what the enclave refuses, and ENCLAVE_ANSWER. */
  document(nonce: Uint8Array | undefined): Promise<string>
}
/** What core and signer both say of themselves, and what the core alone does. */
export type AttesterStatus = Pick<StatusResult, 'provisioned' | 'attestation_available'> &
  Partial<StatusResult> & { readonly connection: number }

/** What verifiers read at all; real documents have about five thousand. */
export const DOCUMENT_BYTES_MAX = 65_536
const BASE64_CHARACTERS_MAX = Math.ceil(DOCUMENT_BYTES_MAX / 3) * 4
/** A caller waits for it, and so does whoever comes after him. */
const CALL_MS_MAX = 5_000

export function attesterOf(client: EnclaveClient): Attester {
  const options = { timeoutMs: CALL_MS_MAX }
  return {
    status: async () => ({ ...(await client.call('status', {}, options)), connection: client.connections() }),
    document: async (nonce) => {
      const params = nonce === undefined ? {} : { nonce: Uint8Array.from(nonce) }
      return documentOf(await client.call('attestation', params, options))
    },
  }
}

/** The api is as little trusted as its host: it hands on what looks like a document, and verifies nothing. */
function documentOf(answer: { readonly document_b64?: unknown }): string {
  const text = answer.document_b64
  if (typeof text === 'string' && text.length <= BASE64_CHARACTERS_MAX && (decodeBase64(text)?.length ?? 0) > 0)
    return text
  throw new CodedError('ENCLAVE_ANSWER', 'expected a document in base64, got something else')
}

/** What a document binds, as far as a status tells: when it changes, a kept document is one of the past. */
export function bindingOf({ connection, session, phase, address, ledger }: AttesterStatus): string {
  // A lost connection may mean another boot, which has other keys even where it says the same.
  return JSON.stringify([connection, session, phase, address, ledger?.epoch, ledger?.head, ledger?.policyHash])
}
