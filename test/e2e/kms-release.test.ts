/** Keys out of the stand-in of KMS: a process of its own, behind a byte pipe and real TLS, with the generator's policy. */
import { expect } from 'chai'
import type { KeyContext } from '../../enclave/keys/encryption-context.ts'
import type { GeneratedKeys, ReleaseAccess } from '../../enclave/keys/key-release.ts'
import { openKmsRelease } from '../../enclave/keys/kms/release.ts'
import { logKey } from '../../enclave/keys/log-key.ts'
import { addressOf } from '../../enclave/keys/secp256k1.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { refusalOf } from '../stand-ins/kms/refusal.ts'
import { KEY_ID, PARENT } from '../stand-ins/kms/start.ts'
import {
  ACCESS,
  aHash,
  CONTEXT,
  credentialsOf,
  imagePcrs,
  KmsWorld,
  newRecipientKey,
  recipientKey,
  trustedClock,
} from '../stand-ins/kms/world.ts'

const YEAR_SECONDS = 31_536_000

describe('key release by KMS', function () {
  this.timeout(120_000)
  let world: KmsWorld
  let drawn: GeneratedKeys

  before(async () => {
    world = await KmsWorld.start()
    drawn = await openKmsRelease(world.options()).generateKeys(CONTEXT, ACCESS)
  })
  after(() => world.kms.stop())

  const opened = (over: Parameters<KmsWorld['options']>[0] = {}, context = CONTEXT, access = ACCESS) =>
    openKmsRelease(world.options(over)).openKey(context, 'authority', drawn.authorityCiphertext, access)

  it('gives back both keys under their context, to another boot of the image as well', async () => {
    const again = openKmsRelease(world.options({ recipient: newRecipientKey() }))
    const authority = await again.openKey(CONTEXT, 'authority', drawn.authorityCiphertext, ACCESS)
    const state = await again.openKey(CONTEXT, 'state', drawn.stateCiphertext, ACCESS)
    expect(addressOf(authority)).to.equal(drawn.address)
    expect(toHash(logKey(state).publicKey)).to.equal(drawn.logPublicKey)
    expect(state).to.have.length(32)
    expect(state).to.not.deep.equal(authority)
  })

  it('draws other keys each time, and names the key by its full ARN', async () => {
    const release = openKmsRelease(world.options())
    const other = await release.generateKeys(CONTEXT, ACCESS)
    expect(other.address).to.not.equal(drawn.address)
    expect(release.keyId).to.equal(KEY_ID)
  })

  const contexts: readonly { readonly title: string; readonly context: KeyContext }[] = [
    { title: 'another ledger', context: { ...CONTEXT, ledgerId: aHash(9) } },
    { title: 'another configuration', context: { ...CONTEXT, config: aHash(9) } },
    { title: 'another role', context: { ...CONTEXT, role: 'signer' } },
    { title: 'another key version', context: { ...CONTEXT, keyVersion: 2 } },
  ]
  for (const { title, context } of contexts) {
    it(`is denied by the key policy under ${title}, in the words of KMS`, async () => {
      const { code, message } = await refusalOf(() => opened({}, context))
      expect(code).to.equal('KMS_REFUSED')
      expect(message).to.match(/^AccessDeniedException: User: .*kms:Decrypt.* with an explicit deny in the key policy/)
    })
  }

  it('is refused the ciphertext of one purpose for the other by the ciphertext itself', async () => {
    const release = openKmsRelease(world.options())
    for (const [purpose, ciphertext] of [
      ['state', drawn.authorityCiphertext],
      ['authority', drawn.stateCiphertext],
    ] as const) {
      const { code, message } = await refusalOf(() => release.openKey(CONTEXT, purpose, ciphertext, ACCESS))
      expect(code).to.equal('KEY_CIPHERTEXT')
      expect(message).to.match(/^InvalidCiphertextException: /)
    }
  })

  it('is denied to an image with one other register, and to debug mode', async () => {
    for (const index of [0, 1, 2, 3]) {
      const pcrs = new Map(imagePcrs()).set(index, new Uint8Array(48).fill(0xee))
      const { code, message } = await refusalOf(() => opened({ pcrs }))
      expect(`${code} ${message}`, `PCR${index}`).to.match(/^KMS_REFUSED AccessDeniedException/)
    }
    const { message } = await refusalOf(() => opened({ pcrs: new Map() }))
    expect(message).to.match(/^AccessDeniedException/)
  })

  it('is refused for a document of another root, and for one with a byte flipped', async () => {
    const other = world.options()
    const document = other.attest()
    const flipped = document.with(200, (document[200] as number) ^ 1)
    const stranger = await KmsWorld.start()
    try {
      for (const attest of [() => flipped, stranger.options().attest])
        expect((await refusalOf(() => opened({ attest }))).message).to.match(/^ValidationException: /)
    } finally {
      await stranger.kms.stop()
    }
  })

  const lent: readonly { readonly title: string; readonly access: ReleaseAccess; readonly said: RegExp }[] = [
    {
      title: 'another secret',
      access: { ...ACCESS, credentials: credentialsOf('a guess') },
      said: /^InvalidSignatureException: /,
    },
    {
      title: 'a token that is missing',
      access: {
        ...ACCESS,
        credentials: {
          accessKeyId: PARENT.accessKeyId,
          secretAccessKey: PARENT.secretAccessKey,
          sessionToken: undefined,
        },
      },
      said: /^UnrecognizedClientException: /,
    },
    {
      title: 'an unknown access key',
      access: { ...ACCESS, credentials: { ...credentialsOf(PARENT.secretAccessKey), accessKeyId: 'NOBODY' } },
      said: /^UnrecognizedClientException: /,
    },
  ]
  for (const { title, access, said } of lent) {
    it(`passes on by name that KMS refuses ${title}`, async () => {
      const { code, message } = await refusalOf(() => opened({}, CONTEXT, access))
      expect(code).to.equal('KMS_REFUSED')
      expect(message).to.match(said)
    })
  }

  it('asks nobody when the host lends no credential', async () => {
    let pipes = 0
    const openPipe = () => {
      pipes += 1
      return world.kms.openPipe()
    }
    const { code } = await refusalOf(() => opened({ openPipe }, CONTEXT, { credentials: undefined, proxyPort: 1 }))
    expect(code).to.equal('KMS_CREDENTIALS')
    expect(pipes).to.equal(0)
  })

  it('opens a pipe to the port that the host names, and to 8000 where he names none', async () => {
    const ports: number[] = []
    const openPipe = (port: number) => {
      ports.push(port)
      return world.kms.openPipe()
    }
    await opened({ openPipe }, CONTEXT, { ...ACCESS, proxyPort: 8_123 })
    await opened({ openPipe }, CONTEXT, { ...ACCESS, proxyPort: undefined })
    expect(ports).to.deep.equal([8_123, 8_000])
  })

  it('uses one connection for the two calls of one draw', async () => {
    let pipes = 0
    const openPipe = () => {
      pipes += 1
      return world.kms.openPipe()
    }
    await openKmsRelease(world.options({ openPipe })).generateKeys(CONTEXT, ACCESS)
    expect(pipes).to.equal(1)
  })

  it('asks for the key of the configuration by its full ARN: another one does not exist', async () => {
    const keyId = KEY_ID.replace('0001', '0002')
    const terms = { keyId, region: world.options().terms.region, keyVersion: 1 }
    expect((await refusalOf(() => opened({ terms }))).message).to.match(/^NotFoundException: /)
  })

  it('is given at a trusted time that this machine is a year behind of', async () => {
    const ahead = await KmsWorld.start({ aheadMs: YEAR_SECONDS * 1_000 })
    try {
      const release = openKmsRelease(ahead.options({ clock: trustedClock(YEAR_SECONDS) }))
      const { address, authorityCiphertext } = await release.generateKeys(CONTEXT, ACCESS)
      expect(addressOf(await release.openKey(CONTEXT, 'authority', authorityCiphertext, ACCESS))).to.equal(address)
    } finally {
      await ahead.kms.stop()
    }
  })

  it('refuses a key ciphertext with any part changed, cut or added', async () => {
    const bytes = drawn.authorityCiphertext
    const release = openKmsRelease(world.options())
    // Version, both bytes of the length, blob, IV, key, tag.
    const spots = [0, 1, 2, 40, bytes.length - 60, bytes.length - 40, bytes.length - 1]
    const changed = spots.map((at) => bytes.with(at, (bytes[at] as number) ^ 1))
    for (const [at, other] of [
      ...changed,
      bytes.slice(0, -1),
      Uint8Array.of(...bytes, 0),
      new Uint8Array(0),
    ].entries()) {
      const { code } = await refusalOf(() => release.openKey(CONTEXT, 'authority', other, ACCESS))
      expect(code, `${at}`).to.equal('KEY_CIPHERTEXT')
    }
  })

  it('refuses an answer for another recipient key than that of this boot', async () => {
    const theirs = recipientKey()
    const { attest } = world.options({ recipient: theirs })
    expect((await refusalOf(() => opened({ recipient: newRecipientKey(), attest }))).code).to.equal('KMS_ENVELOPE')
  })
})
