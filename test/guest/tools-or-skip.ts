/** The tools of a guest, or a loud reason why this machine runs none. */
import { join } from 'node:path'
import { type GuestTools, GuestUnavailable, guestTools } from '../../scripts/guest/tools.ts'

export const ROOT = join(import.meta.dirname, '..', '..')

export async function toolsOrSkip(context: Mocha.Context): Promise<GuestTools> {
  try {
    return await guestTools(join(ROOT, '.cache', 'guest'))
  } catch (error) {
    if (!(error instanceof GuestUnavailable)) throw error
    process.stdout.write(`  SKIPPED: no guest can be run here: ${error.message}\n`)
    return context.skip()
  }
}
