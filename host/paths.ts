/** Where everything lies in the data folder. Nothing here touches the disk. */
import { isAbsolute, join } from 'node:path'

export type DataPaths = {
  readonly root: string
  readonly config: string
  /** The policy in force, once it is another one than that of genesis. */
  readonly policy: string
  readonly keys: string
  /** Keys that take over when the chain names their authority. */
  readonly nextKeyFile: string
  readonly keyFile: string
  readonly sealed: string
  readonly audit: string
  readonly auditPending: string
  readonly attestations: string
  readonly outbox: string
  readonly outboxArchive: string
  readonly control: string
  readonly receipts: string
  /** When the last canary was consumed. */
  readonly canary: string
  readonly journalIndex: string
}

export function pathsOf(root: string): DataPaths {
  return {
    root,
    config: join(root, 'host.json'),
    policy: join(root, 'control', 'policy.json'),
    keys: join(root, 'keys'),
    nextKeyFile: join(root, 'keys', 'next.json'),
    keyFile: join(root, 'keys', 'keys.json'),
    sealed: join(root, 'sealed'),
    audit: join(root, 'audit'),
    auditPending: join(root, 'audit', 'pending'),
    attestations: join(root, 'audit', 'attestations'),
    outbox: join(root, 'outbox'),
    outboxArchive: join(root, 'outbox', 'archive'),
    control: join(root, 'control'),
    receipts: join(root, 'receipts'),
    canary: join(root, 'control', 'canary.json'),
    journalIndex: join(root, 'journal.index'),
  }
}

/** A path of the configuration: relative ones start at the data folder. */
export function inData(root: string, path: string): string {
  return isAbsolute(path) ? path : join(root, path)
}
