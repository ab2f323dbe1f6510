/** What the word check reads, and what it says about it. */

/** One file of the repository: its path from the root, and its whole text. */
export type Source = { readonly path: string; readonly text: string }

/** One broken rule at one place; `line` counts from 1. */
export type Fault = { readonly path: string; readonly line: number; readonly rule: string; readonly found: string }

const FOUND_CHARACTERS_MAX = 80

export function faultAt({ path, text }: Source, offset: number, rule: string, found: string): Fault {
  const line = text.slice(0, offset).split('\n').length
  return { path, line, rule, found: found.replace(/\s+/g, ' ').slice(0, FOUND_CHARACTERS_MAX) }
}
