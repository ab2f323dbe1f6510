/** The ledger goes on under another authority: the calls of the guardian, and of the old and the new enclave. */
import { strict as assert } from 'node:assert'
import { encodeFunctionData } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import type { Configuration } from '../../enclave/protocol/configuration.ts'
import { configHash } from '../../enclave/protocol/configuration.ts'
import { DEVELOPMENT_IMAGE_DIGEST } from '../../enclave/protocol/header.ts'
import type { Address, Hash } from '../../enclave/protocol/ids.ts'
import { toHash } from '../../enclave/protocol/ids.ts'
import { wei } from '../../enclave/protocol/money.ts'
import { parseVerifierKey } from '../../enclave/protocol/note.ts'
import { fundGasFloat } from '../../scripts/chain/setup.ts'
import { LATER_SECONDS, QUORUM, type Signer } from '../builders/governors.ts'
import { type Boot, FEES, type KeyCiphertexts } from './boot.ts'
import { signedOn } from './governed.ts'
import type { Stage } from './stage.ts'

export type NewKeys = KeyCiphertexts & { readonly address: Address }

/** Keys that another enclave drew; the state key, and with it the log key, stays the old one. */
export async function drawKeys(stage: Stage): Promise<NewKeys> {
  const { address, ciphertext_b64 } = await (await stage.cold()).call('generate', {})
  assert(stage.keys !== undefined, 'the keys are drawn when the stage opens')
  return { address, ciphertext_b64, state_ciphertext_b64: stage.keys.state_ciphertext_b64 }
}

/** What a quorum approves: the new authority, and everything else as it is. */
export async function approval(
  stage: Stage,
  boot: Boot,
  epoch: number,
  newAuthority: Address,
  admins = QUORUM as readonly Signer[],
  notAfter = LATER_SECONDS,
) {
  const { audit_address } = await boot.call('audit_status', {})
  const logKey = toHash(parseVerifierKey(audit_address).publicKey) as Hash
  const config = configHash(stage.configuration as Configuration)
  return signedOn(stage).approval(
    { epoch, newAuthority, logKey, config, imageDigest: DEVELOPMENT_IMAGE_DIGEST, notAfter },
    admins,
  )
}

/** The old enclave's word, which its quorum approved. */
export async function askRotation(
  stage: Stage,
  boot: Boot,
  epoch: number,
  newAuthority: Address,
  admins = QUORUM as readonly Signer[],
) {
  const { accountNonce } = await stage.facts()
  return boot.call('rotate', {
    ...(await approval(stage, boot, epoch, newAuthority, admins)),
    fees: FEES,
    accountNonce,
  })
}

export async function guardianApproves(stage: Stage, authority: Address): Promise<void> {
  const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'approveAuthority', args: [authority] })
  const { status } = await stage.as(stage.guardian(), { to: stage.anchor, data })
  assert.equal(status, '0x1', 'the guardian may approve an authority')
}

/** From here on the stage's authority is the new one, with a float of its own. */
export async function takeOver(stage: Stage, keys: NewKeys): Promise<void> {
  stage.keys = keys
  await stage.node.mineUntil(fundGasFloat(stage.node.url, { authority: keys.address, amountWei: wei(10n ** 18n) }))
}
