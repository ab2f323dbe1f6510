/**
 * JSON read the slow way, character by character, by the grammar of RFC 8259: what strict-json.ts decides with counts and
 * JSON.parse, this decides by looking. It shares nothing with it.
 */

export type Seen = {
  readonly value: unknown
  readonly doubled: boolean
  readonly proto: boolean
  readonly depth: number
}

class NoJson extends Error {}

/** Nobody reads deeper: the stack of this reader has an end. */
const LEVELS_MAX = 500
const SPACES = ' \t\n\r'
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const LITERALS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]
const ESCAPES: { readonly [letter: string]: string } = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/** What the text says, or undefined when it is not JSON. */
export function readSlowly(text: string): Seen | undefined {
  const reader = new SlowReader(text)
  try {
    const value = reader.whole()
    const { doubled, proto, depth } = reader
    return { value, doubled, proto, depth }
  } catch (error) {
    if (error instanceof NoJson) return undefined
    throw error
  }
}

class SlowReader {
  readonly #text: string
  #at = 0
  doubled = false
  proto = false
  depth = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): unknown {
    const value = this.#value(0)
    this.#spaces()
    if (this.#at < this.#text.length) throw new NoJson()
    return value
  }

  #value(level: number): unknown {
    this.#spaces()
    const letter = this.#text[this.#at]
    if (letter === '{') return this.#object(level + 1)
    if (letter === '[') return this.#array(level + 1)
    if (letter === '"') return this.#string()
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#at += word.length
      return value
    }
    return this.#number()
  }

  #object(level: number): unknown {
    this.#enter(level)
    const pairs = new Map<string, unknown>()
    if (this.#took('}')) return {}
    do {
      this.#spaces()
      if (this.#text[this.#at] !== '"') throw new NoJson()
      const key = this.#string()
      this.#must(':')
      if (pairs.has(key)) this.doubled = true
      if (key === '__proto__') this.proto = true
      pairs.set(key, this.#value(level))
    } while (this.#took(','))
    this.#must('}')
    return Object.fromEntries(pairs)
  }

  #array(level: number): unknown {
    this.#enter(level)
    const items: unknown[] = []
    if (this.#took(']')) return items
    do items.push(this.#value(level))
    while (this.#took(','))
    this.#must(']')
    return items
  }

  #enter(level: number): void {
    if (level > LEVELS_MAX) throw new NoJson()
    this.#at++
    this.depth = Math.max(this.depth, level)
  }

  #string(): string {
    let text = ''
    for (this.#at++; ; this.#at++) {
      const letter = this.#text[this.#at]
      if (letter === undefined || letter < ' ') throw new NoJson()
      if (letter === '"') break
      text += letter === '\\' ? this.#escape() : letter
    }
    this.#at++
    return text
  }

  #escape(): string {
    this.#at++
    const letter = this.#text[this.#at] ?? ''
    if (letter !== 'u') {
      const meant = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
      if (meant === undefined) throw new NoJson()
      return meant
    }
    const digits = this.#text.slice(this.#at + 1, this.#at + 5)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new NoJson()
    this.#at += 4
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  #number(): unknown {
    NUMBER.lastIndex = this.#at
    const [digits] = NUMBER.exec(this.#text) ?? []
    if (digits === undefined) throw new NoJson()
    this.#at += digits.length
    return Number.parseFloat(digits)
  }

  #spaces(): void {
    while (this.#at < this.#text.length && SPACES.includes(this.#text[this.#at] as string)) this.#at++
  }

  #took(letter: string): boolean {
    this.#spaces()
    if (this.#text[this.#at] !== letter) return false
    this.#at++
    return true
  }

  #must(letter: string): void {
    if (!this.#took(letter)) throw new NoJson()
  }
}
