/** A signer's key out of the stand-in of KMS: drawn inside, or made outside and encrypted by whoever the policy lets. */
import { expect } from 'chai'
import { encryptionContext, type KeyContext } from '../../enclave/keys/encryption-context.ts'
import { readEnvelope } from '../../enclave/keys/kms/envelope.ts'
import { openKmsSignerRelease } from '../../enclave/keys/kms/release.ts'
import { addressOf } from '../../enclave/keys/secp256k1.ts'
import { encryptAsAdmin } from '../stand-ins/kms/import.ts'
import { refusalOf } from '../stand-ins/kms/refusal.ts'
import { ADMIN_ROLE } from '../stand-ins/kms/start.ts'
import { ACCESS, aHash, CONTEXT, contextValues, imagePolicy, KmsWorld } from '../stand-ins/kms/world.ts'

const SIGNING: KeyContext = { ...CONTEXT, role: 'signer' }
const BOUND = encryptionContext(SIGNING, 'authority')
const KEY = Uint8Array.from({ length: 32 }, (_, at) => at + 1)
const HEX = Buffer.from(KEY).toString('hex')

describe("a signer's key under KMS", function () {
  this.timeout(120_000)
  let world: KmsWorld

  before(async () => {
    world = await KmsWorld.start({ policy: imagePolicy(contextValues(SIGNING), { importArn: ADMIN_ROLE }) })
  })
  after(() => world.kms.stop())

  const release = () => openKmsSignerRelease(world.options())
  const imported = async (plaintext: Uint8Array, bound = BOUND) =>
    release().openAuthority(SIGNING, await encryptAsAdmin(world.kms, bound, plaintext), ACCESS)

  it('comes back as it was drawn, and is none that was brought', async () => {
    const { address, authorityCiphertext } = await release().generateAuthority(SIGNING, ACCESS)
    const opened = await release().openAuthority(SIGNING, authorityCiphertext, ACCESS)
    expect(addressOf(opened.key)).to.equal(address)
    expect(opened.imported).to.equal(false)
  })

  it('is imported from its 32 bytes and from their hex, and said to be imported', async () => {
    for (const plaintext of [KEY, Buffer.from(`0x${HEX}`), Buffer.from(`0x${HEX.toUpperCase()}`)]) {
      const opened = await imported(plaintext)
      expect(opened).to.deep.equal({ key: KEY, imported: true })
    }
  })

  it('is refused as anything else than one private key', async () => {
    const curveOrder = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
    const plaintexts = [
      KEY.subarray(1),
      Uint8Array.of(...KEY, 0),
      new Uint8Array(32),
      Buffer.from(curveOrder, 'hex'),
      Buffer.from(HEX),
      Buffer.from(`0x${HEX.slice(2)}`),
      Buffer.from(`0x${HEX}00`),
      Buffer.from(`0x${HEX}\n`),
      Buffer.from(`0x${HEX.replace('0', 'g')}`),
    ]
    for (const plaintext of plaintexts)
      expect((await refusalOf(() => imported(plaintext))).code, plaintext.toString()).to.equal('KEY_CIPHERTEXT')
  })

  it('is never imported without one value of its context, nor under another', async () => {
    const wrong = { ...BOUND, purpose: 'state' }
    expect((await refusalOf(() => imported(KEY, wrong))).message).to.match(/^InvalidCiphertextException: /)
    const elsewhere = encryptionContext({ ...SIGNING, config: aHash(9) }, 'authority')
    await encryptAsAdmin(world.kms, elsewhere, KEY).then(
      () => expect.fail('the policy lets nobody encrypt for another configuration'),
      (error: Error) => expect(error.name).to.equal('AccessDeniedException'),
    )
  })

  it('may be a data key of KMS that somebody brings as an import: then its address is what gives it away', async () => {
    const { address, authorityCiphertext } = await release().generateAuthority(SIGNING, ACCESS)
    const { blob } = readEnvelope(authorityCiphertext)
    const opened = await release().openAuthority(SIGNING, blob, ACCESS)
    expect(opened.imported).to.equal(true)
    expect(addressOf(opened.key)).to.not.equal(address)
  })

  it('is encrypted by nobody once the step of the import is over', async () => {
    const closed = await KmsWorld.start({ policy: imagePolicy(contextValues(SIGNING)) })
    const outcome = await encryptAsAdmin(closed.kms, BOUND, KEY).then(
      () => 'encrypted',
      (error: Error) => error.name,
    )
    await closed.kms.stop()
    expect(outcome).to.equal('AccessDeniedException')
  })

  it('is opened from no ciphertext that is empty or longer than any of KMS', async () => {
    for (const size of [0, 6_145])
      expect((await refusalOf(() => release().openAuthority(SIGNING, new Uint8Array(size), ACCESS))).code).to.equal(
        'KEY_CIPHERTEXT',
      )
  })
})
