/**
 * Feeds garbage to everything that reads foreign bytes, for as long as it is told, and prints how many inputs were read.
 *
 *   npm run fuzz                                          every target for a minute
 *   npm run fuzz -- --target cbor --seconds 600 --seed 7  one of them, with these dice
 *   npm run fuzz -- --in-all 3600                         every target, an hour for all of them together
 *   npm run fuzz -- --keep                                renews the kept inputs under test/fuzz/corpus
 *   npm run fuzz -- --blind                               without coverage: many more inputs, chosen worse
 *
 * Ends with 0 when every claim held, 1 when one did not (the input stands in a file that is named), 2 for words that it
 * does not understand. What is fuzzed lies in test/, which nothing imports: it is started as a process.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const EXIT_FAILED = 1
const MAIN = join(import.meta.dirname, '..', 'test', 'fuzz', 'main.ts')

const child = spawn(process.execPath, [MAIN, ...process.argv.slice(2)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
const [code] = (await once(child, 'exit')) as [number | null]
process.exitCode = code ?? EXIT_FAILED
