/** Documents that AWS signed, and copies with one deviation, by the manifest that lies beside them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Measurement } from '../../enclave/protocol/attestation/measurements.ts'

type Word = 'accept' | 'reject'

export type GenuineFile = {
  readonly file: string
  readonly bytes: Uint8Array
  readonly archived: Word
  readonly archivedWithDebug: Word
  readonly archivedWithTag: Word
  /** Where a verifier has to stop. */
  readonly stage: string | undefined
  readonly isDebug: boolean
  readonly isOpenMap: boolean | undefined
  readonly timestampMs: number
  readonly moduleId: string
  readonly userData: string | null
  readonly nonce: string | null
  readonly publicKey: string | null
  /** PCR0 to PCR2, and PCR3, PCR8 and PCR16 where they are not zero. */
  readonly measurement: Measurement
}

type ManifestFile = {
  readonly file: string
  readonly expected: {
    readonly archived?: Word
    readonly archived_with_allowDebug?: Word
    readonly archived_with_allowTag18?: Word
    readonly stage?: string
  }
  readonly debug?: boolean
  readonly payload_map?: 'definite' | 'indefinite'
  readonly timestamp_ms?: number
  readonly module_id?: string
  /** Null where the file cannot be read. */
  readonly pcrs?: { readonly [index: string]: string } | null
  readonly user_data?: string | null
  readonly nonce?: string | null
  readonly public_key?: string | null
}

const PCR_BYTES = 48
/** What every derived file was made of. */
const BASE = 'real/veracruz-go.cbor'

/** Every document of the manifest; fields that a derived one leaves out are those of its base. */
export function readGenuine(folder: string): readonly GenuineFile[] {
  const { files } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { files: ManifestFile[] }
  const base = files.find(({ file }) => file === BASE)
  if (base === undefined) throw new Error(`expected ${BASE} in the manifest`)
  return files
    .filter(({ file }) => file.endsWith('.cbor'))
    .map((entry) => readOne(folder, entry.file, { ...base, ...entry, pcrs: entry.pcrs ?? base.pcrs ?? {} }))
}

function readOne(folder: string, name: string, entry: ManifestFile): GenuineFile {
  const { archived = 'reject', stage } = entry.expected
  return {
    file: name,
    bytes: new Uint8Array(readFileSync(join(folder, name))),
    archived,
    archivedWithDebug: entry.expected.archived_with_allowDebug ?? archived,
    archivedWithTag: entry.expected.archived_with_allowTag18 ?? archived,
    stage,
    isDebug: entry.debug === true,
    isOpenMap: entry.payload_map === undefined ? undefined : entry.payload_map === 'indefinite',
    timestampMs: entry.timestamp_ms ?? 0,
    moduleId: entry.module_id ?? '',
    userData: entry.user_data ?? null,
    nonce: entry.nonce ?? null,
    publicKey: entry.public_key ?? null,
    measurement: measurementOf(entry.pcrs ?? {}),
  }
}

function measurementOf(pcrs: { readonly [index: string]: string }): Measurement {
  const pcr = (index: number): Uint8Array => {
    const text = pcrs[index]
    return text === undefined ? new Uint8Array(PCR_BYTES) : new Uint8Array(Buffer.from(text, 'hex'))
  }
  const optional = [3, 8, 16].filter((index) => pcrs[index] !== undefined).map((index) => [`pcr${index}`, pcr(index)])
  return { pcr0: pcr(0), pcr1: pcr(1), pcr2: pcr(2), ...Object.fromEntries(optional) }
}
