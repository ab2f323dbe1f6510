/** A receipt says which entry stands where in the log, and the session signs it. */
import { decodeSignature, recoverAddress } from '../../../enclave/keys/secp256k1.ts'
import { receiptStruct } from '../../../enclave/protocol/header.ts'
import { fromHex, type Hash, type Hex, toHash } from '../../../enclave/protocol/ids.ts'
import { leafHash } from '../../../enclave/protocol/log-tree.ts'
import { typedDigest } from '../../../enclave/protocol/typed-data.ts'
import type { LogNode } from '../log-branch.ts'
import type { Boot, World } from '../scene.ts'
import { claim } from '../violation.ts'

type Receipt = {
  readonly epoch: number
  readonly logIndex: number
  readonly leafHash: Hash
  readonly signature: Uint8Array | Hex
}

const TRUE = 'answers are true'

export function checkReceipts(world: World, boot: Boot, receipts: readonly Receipt[]): void {
  const { ledger } = world.chain.rules
  for (const receipt of receipts) {
    const { logIndex, signature } = receipt
    let node: LogNode | undefined = boot.node
    while (node !== undefined && node.index > logIndex) node = node.parent
    const leaf = node?.index === logIndex ? toHash(leafHash(node.bytes)) : undefined
    claim(TRUE, leaf === receipt.leafHash, () => `a receipt of entry ${logIndex} names another one`)
    const bytes = typeof signature === 'string' ? fromHex(signature) : signature
    const signer = recoverAddress(typedDigest(ledger, receiptStruct(receipt)), decodeSignature(bytes))
    claim(TRUE, signer === boot.instance.session.address, () => `${signer} signs a receipt of enclave ${boot.number}`)
  }
}
