import { expect } from 'chai'
import { type CpioEntry, cpioParts } from '../../scripts/guest/cpio.ts'

const HEADER_CHARACTERS = 110
const ENTRIES: readonly CpioEntry[] = [
  { kind: 'folder', path: 'bin' },
  { kind: 'file', path: 'bin/init', content: Buffer.from('#!/bin/sh'), mode: 'program' },
  { kind: 'file', path: 'key', content: Buffer.from([1, 2, 3, 4]), mode: 'secret' },
  { kind: 'file', path: 'empty', content: new Uint8Array(0), mode: 'file' },
]

type Read = { readonly path: string; readonly mode: number; readonly content: string; readonly inode: number }

/** Naively, by the description of the format: 13 fields of 8 hex digits, name, content, each padded to four bytes. */
function read(archive: Buffer): Read[] {
  const found: Read[] = []
  for (let at = 0; at < archive.length; ) {
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    expect(archive.toString('latin1', at, at + 6)).to.equal('070701')
    const size = field(6)
    const nameAt = at + HEADER_CHARACTERS
    const contentAt = padded(nameAt + field(11))
    const path = archive.toString('utf8', nameAt, nameAt + field(11) - 1)
    found.push({ path, mode: field(1), inode: field(0), content: archive.toString('hex', contentAt, contentAt + size) })
    at = padded(contentAt + size)
  }
  return found
}

function padded(at: number): number {
  return Math.ceil(at / 4) * 4
}

describe('an archive for a kernel to unpack', () => {
  const archive = Buffer.concat(cpioParts(ENTRIES))

  it('holds each entry in its order, with its rights and bytes, and then the end', () => {
    const rows = read(archive).map(({ path, mode, content }) => [path, mode.toString(8), content])
    expect(rows).to.deep.equal([
      ['bin', '40755', ''],
      ['bin/init', '100755', Buffer.from('#!/bin/sh').toString('hex')],
      ['key', '100600', '01020304'],
      ['empty', '100644', ''],
      ['TRAILER!!!', '0', ''],
    ])
  })

  it('gives no two entries one inode, so that none becomes a link to another', () => {
    const inodes = read(archive).map(({ inode }) => inode)
    expect(new Set(inodes).size).to.equal(inodes.length)
  })

  it('is the same bytes each time', () => {
    expect(Buffer.concat(cpioParts(ENTRIES)).equals(archive)).to.equal(true)
  })
})
