/** The folder of the whole project. */
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..', '..')
