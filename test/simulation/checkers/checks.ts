/** Every checker of a world: each holds one property and looks after every step. */

import type { Boot, World } from '../scene.ts'
import { Violation } from '../violation.ts'
import { AuditorChecker } from './auditor.ts'
import { checkConservation } from './conservation.ts'
import { Landings } from './landings.ts'

const SALT_AT = 14
const IV_AT = 46
const IV_END = 58

export class Checks {
  /** Enclaves that were called in this step. */
  readonly changed = new Set<Boot>()
  readonly landings = new Landings()
  readonly auditor = new AuditorChecker()
  readonly #nonces = new Set<string>()

  /** No two records share a subkey and an initialisation vector, whoever sealed them. */
  sealed(record: Uint8Array): void {
    const nonce = Buffer.from(record.buffer, record.byteOffset + SALT_AT, IV_END - SALT_AT).toString('latin1')
    if (this.#nonces.has(nonce)) {
      const iv = Buffer.from(record.subarray(IV_AT, IV_END)).toString('hex')
      throw new Violation('sealed nonces are unique', `initialisation vector ${iv} twice under one salt`)
    }
    this.#nonces.add(nonce)
  }

  afterStep(world: World): void {
    for (const boot of this.changed) checkConservation(world, boot)
    this.changed.clear()
    this.landings.follow(world)
    this.auditor.follow(world)
  }
}
