/** What a command says, and what no text of ours may hold: characters by which a foreign file would steer a terminal. */
import type { Terminal } from '../../../scripts/cli/answer.ts'
import { demand } from '../engine/target.ts'

export type Said = { out: string; err: string }

export function saying(said: Said, typedIn: string, environment: Terminal['environment'] = {}): Terminal {
  return {
    out: (text) => {
      said.out += text
    },
    err: (text) => {
      said.err += text
    },
    environment,
    typedIn,
  }
}

/** Controls but the newline, marks that turn the order of letters round, and separators that some show as new lines. */
const STEERING = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u

export function demandReadable({ out, err }: Said): void {
  for (const text of [out, err]) {
    const found = STEERING.exec(text.replaceAll('\n', ''))
    demand(
      found === null,
      `text for people, not ${JSON.stringify(found?.[0])} in ${JSON.stringify(text.slice(0, 300))}`,
    )
  }
}
