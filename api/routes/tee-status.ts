/** Who attests, in the words of the replaced system. */
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Gate, requireAccess } from '../access.ts'
import type { Documents } from '../documents.ts'
import { Problem } from '../problem.ts'

const SignerStatus = z.strictObject({
  mode: z
    .enum(['remote', 'local', 'none'])
    .describe(
      'remote: a signer is set; none: it is not. local was a key in the host itself, which there never is here.',
    ),
  address: z.string().nullable(),
  attestation_available: z.boolean(),
})
const CoreStatus = z.strictObject({
  provisioned: z.boolean(),
  address: z.string().nullable(),
  attestation_available: z.boolean(),
  balances: z.int().nullable().describe('Accounts.'),
  pending: z.int().nullable().describe('Payouts of the unlanded commit.'),
  audit_address: z.string().nullable().describe('The verifier key of the log (C2SP).'),
  audit_seq: z.int().nullable(),
  audit_head_hash: z.string().nullable(),
  audit_merkle_root: z.string().nullable(),
  audit_checkpoint_head_hash: z.string().nullable(),
})

const secured = { security: [{ bearer: [] }, { oldHeader: [] }] }
const refusals = { 401: Problem, 403: Problem, 404: Problem, 429: Problem, 502: Problem, 503: Problem }

/** What our own last look found: a viewer makes nobody work either. */
export function addStatusRoutes(
  app: FastifyInstance,
  { tokens, rates }: Gate,
  core: Documents,
  signer: Documents | undefined,
): void {
  const onRequest = [rates, requireAccess(tokens, 'viewer')]
  const typed = app.withTypeProvider<ZodTypeProvider>()
  const ofSigner = {
    operationId: 'signerStatus',
    tags: ['status'],
    summary: 'Is there a signer, and whose key has it',
    ...secured,
    response: { 200: SignerStatus, ...refusals },
  }
  typed.get('/api/tee/status', { schema: ofSigner, onRequest }, async () => signerStatus(signer))
  const ofCore = {
    operationId: 'coreStatus',
    tags: ['status'],
    summary: "The ledger's enclave, in the fields of the replaced system",
    ...secured,
    response: { 200: CoreStatus, ...refusals },
  }
  typed.get('/api/tee/core/status', { schema: ofCore, onRequest }, async () => coreStatus(core))
}

/** A signer that does not answer is one without an address, as before. */
function signerStatus(signer: Documents | undefined): z.infer<typeof SignerStatus> {
  if (signer === undefined) return { mode: 'none', address: null, attestation_available: false }
  try {
    return {
      mode: 'remote',
      address: signer.status().address ?? null,
      attestation_available: signer.status().attestation_available,
    }
  } catch {
    return { mode: 'remote', address: null, attestation_available: false }
  }
}

function coreStatus(core: Documents): z.infer<typeof CoreStatus> {
  const status = core.status()
  return {
    provisioned: status.provisioned,
    address: status.address ?? null,
    attestation_available: status.attestation_available,
    balances: status.balances ?? null,
    pending: status.pending ?? null,
    audit_address: status.audit_address ?? null,
    audit_seq: status.audit_seq ?? null,
    audit_head_hash: status.audit_head_hash ?? null,
    audit_merkle_root: status.audit_merkle_root ?? null,
    audit_checkpoint_head_hash: status.audit_checkpoint_head_hash ?? null,
  }
}
