/** What every process of the host works with, opened once and closed once. */
import type { Policy } from '../enclave/protocol/policy.ts'
import { type AuditLog, openAuditLog } from './audit-log.ts'
import { type Chain, openChain } from './chain.ts'
import type { HostConfig } from './config.ts'
import { type Control, openControl } from './control.ts'
import { type EnclaveClient, openEnclaveClient } from './enclave-client.ts'
import { readPolicy } from './genesis-file.ts'
import type { Log } from './log.ts'
import { type Outbox, openOutbox } from './outbox.ts'
import { openRecordStore, type RecordStore } from './records.ts'

export type Context = {
  readonly config: HostConfig
  readonly policy: Policy
  readonly log: Log
  readonly enclave: EnclaveClient
  readonly chain: Chain
  readonly outbox: Outbox
  readonly records: RecordStore
  readonly audit: AuditLog
  readonly control: Control
  readonly now: () => number
  close(): Promise<void>
}

/** Opens no connection yet. Refuses CONFIG_INVALID, POLICY_INVALID. */
export function openContext(config: HostConfig, log: Log, now: () => number = Date.now): Context {
  const enclave = openEnclaveClient(config.enclaveEndpoint)
  const records = openRecordStore(enclave, config.paths)
  const audit = openAuditLog(config.paths)
  return {
    config,
    policy: readPolicy(config.genesis, config.paths.policy),
    log,
    enclave,
    chain: openChain(config),
    outbox: openOutbox(config.paths),
    records,
    audit,
    control: openControl(config.paths),
    now,
    close: async () => {
      await records.close()
      await audit.close()
      enclave.close()
    },
  }
}
