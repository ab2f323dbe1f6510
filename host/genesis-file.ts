/** What the ledger begins with, as `genesis` takes it: DATA/genesis.json. The enclave checks it against genesisHash. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { isHash, ZERO_HASH } from '../enclave/protocol/ids.ts'
import { type Policy, parsePolicy } from '../enclave/protocol/policy.ts'
import { isMissing } from './durable-file.ts'

const Roster = z.array(z.strictObject({ id: z.string(), recipient: z.string() }))
const Openings = z.array(z.strictObject({ id: z.string(), wei: z.string(), recipient: z.string().nullable() }))
const GenesisFile = z.strictObject({
  /** Judged by parsePolicy: its lists and records are not this file's matter. */
  policy: z.record(z.string(), z.json()),
  roster: Roster.default([]),
  openings: Openings.default([]),
  journalSize: z.int().nonnegative().default(0),
  journalHead: z.string().refine(isHash).default(ZERO_HASH),
})
export type GenesisFile = z.infer<typeof GenesisFile>

/** Refuses CONFIG_INVALID. */
export function readGenesisFile(path: string): GenesisFile {
  try {
    return GenesisFile.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new CodedError('CONFIG_INVALID', `expected {policy, roster, openings, journalSize, journalHead} in ${path}`, {
      cause,
    })
  }
}

/** What the host plans by: the newest policy that it was told, else that of genesis. The enclave holds the one in force. Refuses POLICY_INVALID. */
export function readPolicy(genesis: string, newest: string): Policy {
  return parsePolicy(readNewest(newest) ?? readGenesisFile(genesis).policy)
}

function readNewest(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw new CodedError('CONFIG_INVALID', `expected the policy in force in ${path}`, { cause })
  }
}
