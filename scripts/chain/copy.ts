import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { LOG_FILE, parseLog, readLogBytes, syncFolder } from './log-file.ts'

/**
 * Copies a chain, which may be running, as it stands after its last whole record. The copy starts with the blocks that
 * the last record promised ahead already mined: up to RUN_BLOCKS_MAX empty blocks more than the original shows now.
 * Refuses CONFIG_INVALID when the log is damaged or missing, or the target holds a chain already.
 */
export async function copyChain(fromDataDir: string, toDataDir: string): Promise<void> {
  const bytes = await readLogBytes(fromDataDir)
  const whole = parseLog(bytes)
  if (whole.records.length === 0) throw new CodedError('CONFIG_INVALID', `expected a chain in ${fromDataDir}, got none`)
  await mkdir(toDataDir, { recursive: true })
  const file = await createLog(toDataDir)
  await file.writeFile(bytes.subarray(0, whole.bytes))
  await file.sync()
  await file.close()
  await syncFolder(toDataDir)
}

async function createLog(dataDir: string) {
  try {
    return await open(join(dataDir, LOG_FILE), 'wx')
  } catch (error) {
    throw new CodedError('CONFIG_INVALID', `expected no chain in ${dataDir}, got one`, { cause: error })
  }
}
