import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { keccak256 as viemKeccak256 } from 'viem'
import { installHashes, installPureHashes, keccak256, sha256 } from '../../../../enclave/protocol/hash.ts'
import { toHex } from '../../../../enclave/protocol/ids.ts'

describe('hashes of the protocol', () => {
  beforeEach(installPureHashes)
  after(installPureHashes)

  it("agree with viem's keccak-256 and Node's SHA-256 at every length up to 300", () => {
    for (let length = 0; length <= 300; length++) {
      const bytes = Uint8Array.from({ length }, (_, at) => at + length)
      expect(toHex(keccak256(bytes))).to.equal(viemKeccak256(bytes))
      expect(toHex(sha256(bytes))).to.equal(`0x${createHash('sha256').update(bytes).digest('hex')}`)
    }
  })

  it('go through the installed functions at once, and back through the pure ones after that', () => {
    const pure = toHex(keccak256(new Uint8Array(0)))
    const marker = (byte: number) => () => new Uint8Array(32).fill(byte)
    installHashes({ keccak256: marker(1), sha256: marker(2) })
    expect([keccak256(new Uint8Array(0))[0], sha256(new Uint8Array(0))[0]]).to.deep.equal([1, 2])
    installPureHashes()
    expect(toHex(keccak256(new Uint8Array(0)))).to.equal(pure)
  })
})
