/** What the ledger begins with, as `genesis` takes it: DATA/genesis.json. The enclave checks it against genesisHash. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { CodedError } from '../enclave/protocol/errors.ts'
import { isHash, ZERO_HASH } from '../enclave/protocol/ids.ts'
import { type Policy, parsePolicy } from '../enclave/protocol/policy.ts'

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

/** The policy of genesis: what the host plans by. The enclave holds the one in force. Refuses POLICY_INVALID. */
export function readPolicy(path: string): Policy {
  return parsePolicy(readGenesisFile(path).policy)
}
