/** A signer's key on a machine without a Nitro Enclave: out of the stand-in for key release, under the same binding. */
import type { SignerRelease } from '../keys/key-release.ts'
import type { DevelopmentKms } from './kms.ts'

/** Nothing is imported here: nobody outside can make a ciphertext under the wrapping key. */
export function developmentSignerRelease({ keyId, generateKeys, openKey }: DevelopmentKms): SignerRelease {
  return {
    keyId,
    generateAuthority: (context) => {
      const { address, authorityCiphertext } = generateKeys(context)
      return { address, authorityCiphertext }
    },
    openAuthority: (context, ciphertext) => ({ key: openKey(context, 'authority', ciphertext), imported: false }),
  }
}
