#!/usr/bin/env node
/**
 * The enclave of the measured image: /dev/nsm, AF_VSOCK, KMS. It takes no option and reads no file: whatever could be said
 * there would be said by nobody who is measured. The parent tells it what it is for by `configure`, once.
 */
import { answerBoot } from './boot.ts'
import { openKmsRelease, openKmsSignerRelease } from './keys/kms/release.ts'
import { newRecipientKey } from './keys/recipient-key.ts'
import { verifyAttestation } from './protocol/attestation/verify.ts'
import type { KeyReleaseTerms } from './protocol/configuration.ts'
import { CodedError } from './protocol/errors.ts'
import { newBootOf, type Parts } from './roles.ts'
import { mixedEntropy } from './shell/entropy.ts'
import { installFastHashes } from './shell/fast-hashes.ts'
import { amazonRoots } from './shell/kms-tls.ts'
import { setKernelClock } from './shell/native/kernel-clock.ts'
import { openNsmDevice } from './shell/native/nsm-device.ts'
import { connectVsock } from './shell/native/vsock.ts'
import { CID_PARENT } from './shell/native/vsock-address.ts'
import { openNsm } from './shell/nsm.ts'
import { attestedMs, attestSelf, refuseDebug } from './shell/self-attestation.ts'
import { listen } from './shell/transport.ts'
import { openTrustedClock } from './shell/trusted-clock.ts'

/** The port that the replaced system listened at. */
const LISTEN = 'vsock://any:5000'
const EXIT_FAILED = 1

async function main(): Promise<void> {
  await installFastHashes()
  const boot = newBootOf(await openParts())
  const { endpoint } = await listen(LISTEN, async (request) => answerBoot(boot, request))
  process.stdout.write(`${JSON.stringify({ ready: true, listen: endpoint })}\n`)
}

/** Our own document first: in debug mode nothing of what follows may happen, and its time is the clock (protocol section 5). */
async function openParts(): Promise<Parts> {
  const nsm = openNsm(await openNsmDevice())
  const recipient = await newRecipientKey()
  const { publicKeySpki: publicKey } = recipient
  const self = attestSelf(nsm, verifyAttestation, { recipientKeyDer: publicKey })
  refuseDebug(self)
  await setKernelClock(self.timeMs)
  const clock = openTrustedClock({
    documentMs: () => attestedMs(nsm, verifyAttestation),
    monotonicMs: () => performance.now(),
  })
  const entropy = mixedEntropy(nsm)
  const roots = amazonRoots()
  const releaseOptions = (terms: KeyReleaseTerms | undefined) => ({
    terms: demanded(terms),
    recipient,
    attest: () => nsm.document({ nonce: null, userData: null, publicKey }),
    roots,
    clock,
    entropy,
    openPipe: (port: number) => connectVsock({ cid: CID_PARENT, port }),
  })
  return {
    nsm,
    imageDigest: self.imageDigest,
    recipient: publicKey,
    entropy,
    clock,
    releaseOf: (terms) => openKmsRelease(releaseOptions(terms)),
    signerReleaseOf: (terms) => openKmsSignerRelease(releaseOptions(terms)),
    report: (error) => void process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`),
  }
}

function demanded(terms: KeyReleaseTerms | undefined): KeyReleaseTerms {
  if (terms !== undefined) return terms
  throw new CodedError(
    'CONFIG_INVALID',
    'expected keyRelease {keyId, region, keyVersion} in the configuration, got none',
  )
}

main().catch((error: unknown) => {
  const text = error instanceof CodedError ? `${error.code}: ${error.message}. ${error.action}` : String(error)
  process.stderr.write(`${text}\n`)
  process.exit(EXIT_FAILED)
})
