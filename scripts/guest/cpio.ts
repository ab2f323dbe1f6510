/**
 * Archives in the form that a kernel unpacks as its first file system: cpio "newc". Of two runs over the same files the
 * bytes are the same: owner, times and inode numbers say nothing.
 */

export type FileMode = 'file' | 'program' | 'secret'
export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly content: Uint8Array; readonly mode: FileMode }

const MAGIC = '070701'
const FIELD_DIGITS = 8
const ALIGNMENT_BYTES = 4
const TRAILER = 'TRAILER!!!'
const MODE_FOLDER = 0o040755
const MODES: Readonly<Record<FileMode, number>> = { file: 0o100644, program: 0o100755, secret: 0o100600 }

/** The archive as parts in their order. Folders come before what lies in them, by the caller's order. */
export function cpioParts(entries: readonly CpioEntry[]): Uint8Array[] {
  const parts = entries.flatMap((entry, at) => {
    const content = entry.kind === 'file' ? entry.content : new Uint8Array(0)
    return [
      header(entry.path, at + 1, entry.kind === 'file' ? MODES[entry.mode] : MODE_FOLDER, content.length),
      content,
      padding(content.length),
    ]
  })
  return [...parts, header(TRAILER, 0, 0, 0)]
}

/** Fields: inode, mode, owner, group, links, time, size, device (two), special device (two), length of the name, checksum. */
function header(path: string, inode: number, mode: number, size: number): Uint8Array {
  const name = Buffer.from(`${path}\0`)
  const fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name.length, 0]
  const text = MAGIC + fields.map((field) => field.toString(16).padStart(FIELD_DIGITS, '0')).join('')
  return Buffer.concat([Buffer.from(text), name, padding(text.length + name.length)])
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGNMENT_BYTES - (length % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES)
}
