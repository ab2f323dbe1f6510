/** OpenSSL's SHA-384 and P-384 for protocol/attestation: a document takes milliseconds in place of tens of them. */
import { createPublicKey, hash, verify } from 'node:crypto'
import { installP384, type P384Functions } from '../protocol/attestation/p384.ts'
import { assert } from '../protocol/errors.ts'
import { fromHex, toHex } from '../protocol/ids.ts'
import { concatBytes, utf8 } from '../protocol/words.ts'

/** SPKI of a key on secp384r1, up to its point. */
const SPKI_PREFIX = fromHex('0x3076301006072a8648ce3d020106052b81040022036200')

const OPENSSL: P384Functions = { sha384: opensslSha384, verify: opensslVerify }

const SHA384_OF_NOTHING =
  '0x38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b'
/** A signature with a high s, as half of the genuine ones have, by a key that was thrown away. */
const KNOWN_MESSAGE = utf8('Anchorhold')
const KNOWN_POINT = fromHex(
  '0x0478ff5f25b4fbe48fe2b871f4bc479c114d3acb624eaf8dd1e907a54899395bfc99e912c393885a1fbaef0f31ad16d85f046263cc51d1612191cc2deda52920578121738046317834891222ee0b42f244ab476948892cfb2ba73799b03b38bb58',
)
const KNOWN_SIGNATURE = fromHex(
  '0x99f6ae1fa2f2d1350a8e3a8da5f5a3613264209d86f56339e2e2a7e6d073f55b2e648aff21025021b25c908c004217cff52cd14ebe4171d68b9e02aaec24e4c1cc0e96537055bba53ad4fb379f523878fb3018aafc936145adfe7f2f6553bf2f',
)

/** Installs both, after checking them against known answers. */
export function installFastP384(): void {
  assert(toHex(opensslSha384(new Uint8Array(0))) === SHA384_OF_NOTHING, 'the fast SHA-384 gives the known answer')
  assert(opensslVerify(KNOWN_MESSAGE, KNOWN_SIGNATURE, KNOWN_POINT), 'the fast P-384 accepts the known signature')
  assert(
    !opensslVerify(utf8('anchorhold'), KNOWN_SIGNATURE, KNOWN_POINT),
    'the fast P-384 refuses it for another message',
  )
  installP384(OPENSSL)
}

function opensslSha384(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha384', bytes, 'buffer'))
}

function opensslVerify(message: Uint8Array, signature: Uint8Array, point: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(concatBytes(SPKI_PREFIX, point)), format: 'der', type: 'spki' })
    return verify('sha384', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    // A point that is not on the curve has no key: no signature, whatever the reason.
    return false
  }
}
