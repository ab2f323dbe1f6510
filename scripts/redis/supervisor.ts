/**
 * Stands between us and a Redis of ours: Redis ends when whoever started it ends, however that came about.
 *
 *   node scripts/redis/supervisor.ts PROGRAM ARGUMENTS…
 *
 * Standard input is a pipe that the starter holds open and never writes to. The kernel closes it even when the starter
 * is killed with SIGKILL, and its end is the order to stop. Prints `{"pid":N}` once Redis runs; exits as Redis does.
 */
import { spawn } from 'node:child_process'

const STOP_GRACE_MS = 5_000

const [program = '', ...words] = process.argv.slice(2)
const redis = spawn(program, words, { stdio: 'ignore' })

redis.once('spawn', () => process.stdout.write(`${JSON.stringify({ pid: redis.pid })}\n`))
redis.once('error', () => process.exit(127))
redis.once('exit', (code) => process.exit(code ?? 1))

process.stdin.once('end', stop).once('error', stop).resume()
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
// The starter may be gone before it has read the line above.
process.stdout.on('error', stop)

function stop(): void {
  redis.kill('SIGTERM')
  setTimeout(() => redis.kill('SIGKILL'), STOP_GRACE_MS)
}
