/** The signer over the enclave's own connection: other methods, the same frames. */
import type { z } from 'zod'
import type { SIGNER_METHODS, SignerMethodName, SignerResults } from '../enclave/protocol/signer-methods.ts'
import { openEnclaveClient } from './enclave-client.ts'

export type SignerClient = {
  /** Refuses whatever the signer refuses, with its code; ENCLAVE_GONE, ENCLAVE_ANSWER. */
  call<M extends SignerMethodName>(
    method: M,
    params: z.input<(typeof SIGNER_METHODS)[M]['params']>,
  ): Promise<SignerResults[M]>
  close(): void
}

export function openSignerClient(endpoint: string): SignerClient {
  const client = openEnclaveClient(endpoint)
  return {
    // The client carries any method; its types are those of the ledger.
    call: async (method, params) => (await client.call(method as 'status', params as never)) as never,
    close: client.close,
  }
}
