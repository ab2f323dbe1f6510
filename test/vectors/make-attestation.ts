/**
 * Writes attestation-development.json: one honest document of a development module whose keys were thrown away.
 *
 *   node test/vectors/make-attestation.ts > test/vectors/attestation-development.json
 */
import { encodeUserData } from '../../enclave/protocol/attestation/user-data.ts'
import { encodeBase64 } from '../../enclave/protocol/base64.ts'
import type { Address, Hash } from '../../enclave/protocol/ids.ts'
import { toHex } from '../../enclave/protocol/ids.ts'
import { DOCUMENT_AT_MS, newTestAttester } from '../builders/attestation.ts'

const attester = newTestAttester()
const userData = {
  v: 1,
  role: 'core',
  chainId: 42_161,
  anchor: `0x${'a0'.repeat(20)}` as Address,
  config: `0x${'c0'.repeat(32)}` as Hash,
  authority: `0x${'a1'.repeat(20)}` as Address,
  policyHash: `0x${'b0'.repeat(32)}` as Hash,
  head: `0x${'d0'.repeat(32)}` as Hash,
  epoch: 1,
  session: `0x${'a2'.repeat(20)}` as Address,
  credits: 'signed',
} as const
const nonce = Uint8Array.from({ length: 32 }, (_, at) => at)
const publicKey = new Uint8Array(294).fill(5)
const [pcr0, pcr1, pcr2] = attester.measurements.map((pcr) => toHex(pcr).slice(2))

process.stdout.write(
  `${JSON.stringify(
    {
      about:
        'An honest attestation document under a development root whose key was thrown away: it shows the form, and no verifier of production accepts it.',
      rootPin: toHex(attester.rootPin),
      timestampMs: DOCUMENT_AT_MS,
      moduleId: attester.moduleId,
      measurements: { format: 'anchorhold-measurements/1', images: [{ name: 'development', pcr0, pcr1, pcr2 }] },
      userData,
      publicKey: toHex(publicKey),
      nonce: toHex(nonce),
      document_b64: encodeBase64(attester.document({ nonce, publicKey, userData: encodeUserData(userData) })),
    },
    null,
    1,
  )}\n`,
)
