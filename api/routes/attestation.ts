/** Attestation documents and what is said beside them, for the ledger's enclave or for the signer. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { CodedError, isCoded } from '../../enclave/protocol/errors.ts'
import { fromHexOr, toHex } from '../../enclave/protocol/ids.ts'
import { accessOf, type Gate } from '../access.ts'
import type { Documents } from '../documents.ts'
import { Problem } from '../problem.ts'

/** What a public caller may bind; the enclave takes more. */
export const NONCE_BYTES_MAX = 32
const NONCE_TEXT_MAX = 2 + 2 * NONCE_BYTES_MAX
const MS_PER_SECOND = 1_000
const MINUTES_KEPT = 30

const nonce = z
  .string()
  .trim()
  .max(NONCE_TEXT_MAX)
  .transform((text, context): Uint8Array => {
    const bytes = fromHexOr(text.startsWith('0x') ? text.toLowerCase() : `0x${text.toLowerCase()}`)
    if (bytes !== undefined) return bytes
    context.addIssue('expected hex digits, two a byte')
    return z.NEVER
  })
  .describe(
    `0x and hex, at most ${NONCE_BYTES_MAX} bytes. Draw at least 16 random bytes, and use them once: a document proves its age only to whoever drew the nonce. Empty is as good as none.`,
  )
const AskedNonce = z.object({ nonce: nonce.optional() })
const BatchNonce = z.object({
  nonce: nonce.refine((bytes) => bytes.length > 0, 'expected at least one byte'),
})
const hash = z.string().describe('32 bytes as 0x hex')
const document = z.string().describe('The attestation document (COSE_Sign1) as base64.')

const ForStrangers = z.strictObject({ document_b64: document })
const ForHolders = z.strictObject({
  address: z.string().nullable().describe('The address of the keys, null before there are any.'),
  document_b64: document,
  nonce_hex: z.string().nullable().describe('The nonce as it was asked for, null without one.'),
})
const InBatch = z
  .strictObject({
    document_b64: document,
    nonce_hex: z.string(),
    leaf_index: z.int(),
    tree_size: z.int(),
    proof: z.array(hash),
  })
  .describe(
    'The nonce of the document is the root of the tree of RFC 9162 (SHA-256) over the nonces of everyone who asked in the same interval. Verify the inclusion of leaf SHA-256(0x00 and the nonce), then expect the root as the nonce.',
  )

export type Attested = {
  readonly prefix: '/api/tee' | '/api/tee/core'
  readonly whose: 'signer' | 'core'
  /** Undefined where there is no signer. */
  readonly documents: Documents | undefined
}

export function addAttestationRoutes(app: FastifyInstance, gate: Gate, attested: Attested): void {
  addDocumentRoute(app, gate, attested)
  addBatchRoute(app, gate, attested)
}

function addDocumentRoute(app: FastifyInstance, { tokens, rates }: Gate, attested: Attested): void {
  const { prefix, whose } = attested
  const schema = {
    operationId: `${whose}Attestation`,
    tags: ['attestation'],
    summary: `An attestation document of the ${whose === 'core' ? "ledger's enclave" : 'signer'}`,
    description: `Without a nonce: the kept document, at most ${MINUTES_KEPT} minutes old while the enclave answers. With one: a fresh document over it, out of a small budget that all strangers share; above it NONCES_SPENT, and the header Link names what is always there. With a token the answer has two fields more, as an earlier form of the replaced system had, and a budget apart from that of strangers.`,
    security: [{}, { bearer: [] }, { oldHeader: [] }],
    querystring: AskedNonce,
    response: {
      200: z.union([ForHolders, ForStrangers]),
      400: Problem,
      401: Problem,
      404: Problem,
      429: Problem,
      502: Problem,
      503: Problem,
    },
  }
  app
    .withTypeProvider<ZodTypeProvider>()
    .get(`${prefix}/attestation`, { schema, onRequest: rates }, async (request, reply) => {
      const holder = accessOf(request, tokens)
      const documents = present(attested)
      const asked = request.query.nonce
      const isFresh = asked !== undefined && asked.length > 0
      const lane = holder === undefined ? 'public' : 'holder'
      const kept = isFresh ? await pointing(reply, prefix, documents.forNonce(asked, lane)) : documents.newest()
      reply.header('age', Math.max(0, Math.floor((documents.now() - kept.atMs) / MS_PER_SECOND)))
      if (holder === undefined) return { document_b64: kept.documentB64 }
      const nonceHex = isFresh ? toHex(asked) : null
      return { address: addressOf(documents), document_b64: kept.documentB64, nonce_hex: nonceHex }
    })
}

function addBatchRoute(app: FastifyInstance, { rates }: Gate, attested: Attested): void {
  const { prefix, whose } = attested
  const schema = {
    operationId: `${whose}AttestationBatch`,
    tags: ['attestation'],
    summary: 'One fresh document for all who ask in an interval',
    description: 'Answers within about ten seconds. However many ask, the enclave works once an interval.',
    querystring: BatchNonce,
    response: { 200: InBatch, 400: Problem, 404: Problem, 429: Problem, 502: Problem, 503: Problem },
  }
  app
    .withTypeProvider<ZodTypeProvider>()
    .get(`${prefix}/attestation/batch`, { schema, onRequest: rates }, async (request) => {
      const asked = request.query.nonce
      const { documentB64, leafIndex, treeSize, proof } = await present(attested).inBatch(asked)
      return {
        document_b64: documentB64,
        nonce_hex: toHex(asked),
        leaf_index: leafIndex,
        tree_size: treeSize,
        proof: [...proof],
      }
    })
}

function present({ documents }: Attested): Documents {
  if (documents === undefined) throw new CodedError('SIGNER_NONE', 'expected a signer of this host, got none')
  return documents
}

/** Whoever is refused for the sake of the others is told what is always there. */
async function pointing<T>(reply: FastifyReply, prefix: string, attempt: Promise<T>): Promise<T> {
  try {
    return await attempt
  } catch (error) {
    if (isCoded(error, 'NONCES_SPENT'))
      reply.header('link', `<${prefix}/attestation>; rel="alternate", <${prefix}/attestation/batch>; rel="related"`)
    throw error
  }
}

function addressOf(documents: Documents): string | null {
  return documents.status().address ?? null
}
