/**
 * Store before release: 1 sealed, 2 entries, both fsynced, 3 acknowledge. A crash before 3, or a lost reply, is healed by
 * asking the enclave for everything from the first record that is missing here (`outputs`): it keeps what is not
 * acknowledged and returns it byte for byte. So any process may store, and several may store the same.
 */
import { CodedError, isCoded } from '../enclave/protocol/errors.ts'
import type { ReleasedRecord } from '../enclave/protocol/method-results.ts'
import { type BootLogs, encodeEntries, logsOf, readBoot, storedEnd } from './boot-records.ts'
import type { EnclaveClient } from './enclave-client.ts'
import type { DataPaths } from './paths.ts'

export type RecordStore = {
  /** Makes `records`, and all before them, durable. Refuses SEALED_STORE when this session has no boot note. */
  store(session: string, records: readonly ReleasedRecord[]): Promise<void>
  /** Stores whatever the enclave has released and nobody acknowledged. Returns how many records came. */
  heal(session: string): Promise<number>
  close(): Promise<void>
}

/** Records asked for at once. */
export const OUTPUTS_PER_CALL_MAX = 64
const OUTPUTS_CALLS_MAX = 1_024

export function openRecordStore(enclave: EnclaveClient, paths: DataPaths): RecordStore {
  let current: BootLogs | undefined
  let turn: Promise<unknown> = Promise.resolve()
  const logsFor = async (session: string): Promise<BootLogs> => {
    if (current?.boot.session === session) return current
    const boot = await readBoot(paths, session)
    if (boot === undefined) throw new CodedError('SEALED_STORE', `expected the note of boot ${session}, it is missing`)
    await closeLogs(current)
    current = logsOf(paths, boot)
    return current
  }
  // One writer at a time within the process: positions are read and then written.
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const mine = turn.then(act, act)
    turn = mine.catch(() => undefined)
    return mine
  }
  return {
    store: (session, records) =>
      inTurn(async () => {
        if (records.length > 0) await storeAll(enclave, await logsFor(session), records)
      }),
    heal: (session) => inTurn(async () => heal(enclave, await logsFor(session))),
    close: () => inTurn(() => closeLogs(current)),
  }
}

async function storeAll(enclave: EnclaveClient, logs: BootLogs, records: readonly ReleasedRecord[]): Promise<void> {
  const first = records[0]?.record ?? 0
  if ((await storedEnd(logs)) < first) await heal(enclave, logs, first)
  await persist(enclave, logs, records)
}

async function heal(enclave: EnclaveClient, logs: BootLogs, before = Number.MAX_SAFE_INTEGER): Promise<number> {
  let count = 0
  for (let call = 0; call < OUTPUTS_CALLS_MAX; call++) {
    const next = await storedEnd(logs)
    if (next >= before) return count
    const { records, nextRecord } = await outputsFrom(enclave, logs, next)
    await persist(enclave, logs, records)
    count += records.length
    if (logs.sealed.next >= nextRecord) return count
  }
  throw new CodedError('AUDIT_STORE', `expected the enclave's records to end within ${OUTPUTS_CALLS_MAX} calls`)
}

/** Another process may have stored and acknowledged between our look and our question: then look again. */
async function outputsFrom(enclave: EnclaveClient, logs: BootLogs, next: number) {
  try {
    return await enclave.call('outputs', { fromRecord: next, max: OUTPUTS_PER_CALL_MAX })
  } catch (error) {
    if (!isCoded(error, 'RECORD_UNKNOWN')) throw error
    if ((await storedEnd(logs)) > next) return { records: [], nextRecord: Number.MAX_SAFE_INTEGER }
    // Acknowledged and not here: what followed could never be loaded. The journal brings the lost part again.
    await enclave.call('halt', { reason: `record ${next} was acknowledged and is not stored` })
    throw new CodedError('AUDIT_STORE', `expected record ${next} from the enclave, it keeps only later ones`, {
      cause: error,
    })
  }
}

/** Also without records: what another process wrote and did not live to acknowledge is synced and acknowledged here. */
async function persist(enclave: EnclaveClient, logs: BootLogs, records: readonly ReleasedRecord[]): Promise<void> {
  for (const { record, sealed } of records) await logs.sealed.write(record, sealed)
  await logs.sealed.sync()
  for (const record of records) await logs.entries.write(record.record, encodeEntries(record))
  await logs.entries.sync()
  const last = Math.min(logs.sealed.next, logs.entries.next) - 1
  if (last < logs.sealed.first) return
  await requireBoot(enclave, logs.boot.session)
  await enclave.call('ack', { record: last })
}

/** The connection over which each client last saw its session. */
const seen = new WeakMap<EnclaveClient, { readonly session: string; readonly connections: number }>()

/**
 * Record numbers run on across boots: a worker that slept through a restart must not acknowledge the records of the next
 * enclave with those of the last. Refuses ENCLAVE_GONE.
 */
async function requireBoot(enclave: EnclaveClient, session: string): Promise<void> {
  const last = seen.get(enclave)
  if (last?.session === session && last.connections === enclave.connections()) return
  const status = await enclave.call('status', {})
  if (status.session !== session) {
    throw new CodedError('ENCLAVE_GONE', `expected the enclave of session ${session}, another one answers`)
  }
  seen.set(enclave, { session, connections: enclave.connections() })
}

async function closeLogs(logs: BootLogs | undefined): Promise<void> {
  await logs?.sealed.close()
  await logs?.entries.close()
}
