import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { expect } from 'chai'
import { AssertionError } from '../../../../enclave/protocol/errors.ts'
import { type Address, fromHex, type Hex, toHex } from '../../../../enclave/protocol/ids.ts'
import {
  checkpointText,
  type Ed25519Verify,
  formatNote,
  formatVerifierKey,
  logOrigin,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
  type NoteSignature,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKeyOf,
  verifyNote,
} from '../../../../enclave/protocol/note.ts'
import { codeOf } from '../../../builders/refusals.ts'
import vectors from '../../../vectors/checkpoint.json' with { type: 'json' }

const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

const verifyEd25519: Ed25519Verify = (publicKey, message, signature) => {
  const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' })
  return verify(null, message, key, signature)
}

function signEd25519(message: Uint8Array): Uint8Array {
  const seed = fromHex(vectors.seed as Hex)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
  return new Uint8Array(sign(null, message, key))
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

const LOG_KEY = parseVerifierKey(vectors.vkey)

/** A signature by nobody we know. */
function aStranger(number: number): NoteSignature {
  return { name: `witness-${number}`, keyId: Uint8Array.of(0, 0, 0, number), signature: new Uint8Array(72) }
}

describe('signed notes', () => {
  it("accepts the specification's example under its key", () => {
    const key = parseVerifierKey(vectors.specification.vkey)
    expect(key.name).to.equal('example.com/foo')
    const note = parseNote(bytesOf(vectors.specification.note))
    expect(note.text).to.equal('This is an example message.\n')
    expect(verifyNote(note, [key], verifyEd25519)).to.deep.equal([key])
    expect(formatVerifierKey(key)).to.equal(vectors.specification.vkey)
    expect(formatNote(note)).to.equal(vectors.specification.note)
  })

  it('makes the checkpoint that OpenSSL signed, byte for byte, and accepts it', () => {
    const root = fromHex(vectors.root as Hex)
    const text = checkpointText({ origin: vectors.origin, size: vectors.size, root })
    expect(text).to.equal(vectors.text)
    const key = verifierKeyOf(vectors.origin, fromHex(vectors.publicKey as Hex))
    expect(formatVerifierKey(key)).to.equal(vectors.vkey)
    expect(signNote(text, key, signEd25519)).to.equal(vectors.note)
    expect(verifyNote(parseNote(bytesOf(vectors.note)), [key], verifyEd25519)).to.deep.equal([key])
    expect(parseCheckpoint(text)).to.deep.equal({ origin: vectors.origin, size: vectors.size, root })
  })

  it('names a log by chain and anchor', () => {
    expect(logOrigin(42_161, `0x${'00'.repeat(19)}aa` as Address)).to.equal(vectors.origin)
  })

  it('refuses the note after any one bit is flipped, one byte after the other', () => {
    const honest = bytesOf(vectors.note)
    for (let bit = 0; bit < honest.length * 8; bit++) {
      const note = honest.slice()
      note[bit >> 3] = (note[bit >> 3] as number) ^ (1 << (bit & 7))
      const code = codeOf(() => verifyNote(parseNote(note), [LOG_KEY], verifyEd25519))
      expect(code, `bit ${bit}`).to.be.oneOf(['NOTE_SYNTAX', 'NOTE_SIGNATURE', 'NOTE_UNSIGNED'])
    }
  })

  it('ignores signatures of unknown keys, and refuses a wrong one of a known key even beside a right one', () => {
    const { text, signatures } = parseNote(bytesOf(vectors.note))
    const [own] = signatures as [NoteSignature]
    const known = (...all: NoteSignature[]) => verifyNote({ text, signatures: all }, [LOG_KEY], verifyEd25519)
    const verdict = (...all: NoteSignature[]) => codeOf(() => known(...all))
    const wrong = { ...own, signature: own.signature.with(9, (own.signature[9] as number) ^ 1) }
    expect(known(aStranger(1), own, aStranger(2))).to.have.length(1)
    expect(verdict(own, wrong)).to.equal('NOTE_SIGNATURE')
    expect(verdict(wrong, own)).to.equal('NOTE_SIGNATURE')
    expect(verdict(aStranger(1))).to.equal('NOTE_UNSIGNED')
    expect(verdict({ ...own, name: 'another' })).to.equal('NOTE_UNSIGNED')
    expect(verdict({ ...own, keyId: own.keyId.with(0, 0) })).to.equal('NOTE_UNSIGNED')
    expect(verdict({ ...own, signature: own.signature.subarray(1) })).to.equal('NOTE_SIGNATURE')
    expect(codeOf(() => verifyNote({ text, signatures: [own] }, [], verifyEd25519))).to.equal('NOTE_UNSIGNED')
  })

  it(`reads sixteen signatures and up to ${NOTE_SIGNATURES_MAX}, and refuses one more, or more bytes than the limit`, () => {
    const note = (count: number, text = 'x\n') => {
      return bytesOf(formatNote({ text, signatures: Array.from({ length: count }, (_, at) => aStranger(at)) }))
    }
    for (const count of [1, 16, NOTE_SIGNATURES_MAX]) expect(parseNote(note(count)).signatures.length).to.equal(count)
    expect(codeOf(() => parseNote(note(NOTE_SIGNATURES_MAX + 1)))).to.equal('NOTE_SYNTAX')
    const room = NOTE_BYTES_MAX - note(1, '\n').length
    expect(parseNote(note(1, `${'x'.repeat(room)}\n`)).text.length).to.equal(room + 1)
    expect(codeOf(() => parseNote(note(1, `${'x'.repeat(room + 1)}\n`)))).to.equal('NOTE_SYNTAX')
  })

  it('splits at the last empty line, so that a text with empty lines stays whole', () => {
    const text = 'a\n\n— b YWJjZGVm\n\nc\n'
    const note = parseNote(bytesOf(formatNote({ text, signatures: [aStranger(1)] })))
    expect(note.text).to.equal(text)
    expect(note.signatures.length).to.equal(1)
  })

  const line = '— n YWJjZGVm\n'
  const malformed: Record<string, string> = {
    'no signature': 'a\n\n',
    'no empty line': `a\n${line}`,
    'no text': `\n${line}`,
    'no last newline': `a\n\n${line.trimEnd()}`,
    'a hyphen for the dash': 'a\n\n- n YWJjZGVm\n',
    'no space after the dash': 'a\n\n—n YWJjZGVm\n',
    'two spaces': 'a\n\n— n  YWJjZGVm\n',
    'a trailing space': 'a\n\n— n YWJjZGVm \n',
    'no name': 'a\n\n—  YWJjZGVm\n',
    'a plus in the name': 'a\n\n— n+n YWJjZGVm\n',
    'a key id without a signature': 'a\n\n— n YWJjZA==\n',
    'base64 without padding': 'a\n\n— n YWJjZGU\n',
    'base64 with loose bits': 'a\n\n— n YWJjZGV=\n',
    'a carriage return': `a\r\n\n${line}`,
    'a NUL': `a\0\n\n${line}`,
    'a tab in the text': `a\tb\n\n${line}`,
    'nothing at all': '',
  }
  for (const [claim, text] of Object.entries(malformed)) {
    it(`refuses a note with ${claim}`, () => {
      expect(parseNote(bytesOf(`a\n\n${line}`)).signatures.length).to.equal(1)
      expect(codeOf(() => parseNote(bytesOf(text)))).to.equal('NOTE_SYNTAX')
    })
  }

  it('refuses a note that is not UTF-8', () => {
    const note = bytesOf(`a\n\n${line}`)
    expect(codeOf(() => parseNote(note.with(0, 0xff)))).to.equal('NOTE_SYNTAX')
  })

  it('takes a text without a last newline and a name with a space for bugs', () => {
    expect(() => formatNote({ text: 'a', signatures: [] })).to.throw(AssertionError)
    expect(() => formatNote({ text: 'a\n', signatures: [{ ...aStranger(1), name: 'a b' }] })).to.throw(AssertionError)
    expect(() => verifierKeyOf('a+b', new Uint8Array(32))).to.throw(AssertionError)
  })
})

describe('checkpoints', () => {
  const [origin, size, root] = vectors.text.split('\n') as [string, string, string]
  const wrong: Record<string, string> = {
    'an extension line': `${vectors.text}x\n`,
    'an empty origin': `\n${size}\n${root}\n`,
    'a space in the origin': `a b\n${size}\n${root}\n`,
    'a size with a leading zero': `${origin}\n07\n${root}\n`,
    'a signed size': `${origin}\n+7\n${root}\n`,
    'a size beyond 2^53': `${origin}\n9007199254740992\n${root}\n`,
    'a size in hex': `${origin}\n0x7\n${root}\n`,
    'a short root': `${origin}\n${size}\nAAAA\n`,
    'a root without padding': `${origin}\n${size}\n${root.replace('=', '')}\n`,
    'no last newline': vectors.text.trimEnd(),
    'a line too few': `${origin}\n${size}\n`,
  }
  for (const [claim, text] of Object.entries(wrong)) {
    it(`refuses a checkpoint with ${claim}`, () => {
      expect(parseCheckpoint(vectors.text).size).to.equal(7)
      expect(codeOf(() => parseCheckpoint(text))).to.equal('NOTE_SYNTAX')
    })
  }

  it('carries sizes from zero to 2^53 - 1', () => {
    for (const leaves of [0, 1, Number.MAX_SAFE_INTEGER]) {
      const checkpoint = { origin: 'o', size: leaves, root: new Uint8Array(32).fill(9) }
      expect(parseCheckpoint(checkpointText(checkpoint))).to.deep.equal(checkpoint)
    }
  })
})

describe('verifier keys', () => {
  it('refuses a key whose id does not follow from name and key, one character after the other', () => {
    const { vkey } = vectors.specification
    for (let at = 0; at < vkey.length; at++) {
      const changed = vkey.slice(0, at) + (vkey[at] === 'a' ? 'b' : 'a') + vkey.slice(at + 1)
      expect(
        codeOf(() => parseVerifierKey(changed)),
        changed,
      ).to.equal('NOTE_SYNTAX')
    }
  })

  it('refuses another key type, a short key, and missing parts', () => {
    const key = LOG_KEY.publicKey
    const typed = (type: number, bytes: Uint8Array) => Buffer.concat([Buffer.of(type), bytes]).toString('base64')
    const head = `${LOG_KEY.name}+${toHex(LOG_KEY.keyId).slice(2)}`
    expect(toHex(parseVerifierKey(`${head}+${typed(1, key)}`).publicKey)).to.equal(vectors.publicKey)
    for (const vkey of ['', head, `${head}+`, `${head}+${typed(4, key)}`, `${head}+${typed(1, key.subarray(1))}`]) {
      expect(
        codeOf(() => parseVerifierKey(vkey)),
        vkey,
      ).to.equal('NOTE_SYNTAX')
    }
  })
})
