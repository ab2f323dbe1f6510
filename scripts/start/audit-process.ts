/** The auditor, as the separate program that it is: it gets an endpoint, an address and a folder, and trusts none. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { z } from 'zod'
import { CodedError, ERRORS, type ErrorCode } from '../../enclave/protocol/errors.ts'
import { ROOT } from './children.ts'
import type { Folder } from './folder.ts'
import type { Stack } from './stack.ts'

const weiText = z
  .string()
  .regex(/^-?\d{1,40}$/)
  .transform(BigInt)
const Finding = z.object({
  code: z.string(),
  entry: z.number().nullish(),
  subject: z.string(),
  expected: z.string(),
  got: z.string(),
})

const Report = z.object({
  verdict: z.enum(['clean', 'findings']),
  sequence: z.int(),
  commits: z.int(),
  entries: z.int(),
  logRoot: z.string(),
  ledger: z.object({ accounts: z.int(), creditedWei: weiText, paidWei: weiText, reservedWei: weiText }).nullable(),
  treasury: z.object({ fundedWei: weiText, outflowWei: weiText, balanceWei: weiText }).nullable(),
  findings: z.array(Finding),
  notices: z.array(z.object({ code: z.string(), subject: z.string(), text: z.string() })),
})
/** What `auditor/main.ts --json` says; amounts as bigint. */
export type Audit = z.infer<typeof Report>

const AUDIT_MS_MAX = 600_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** Runs it to its end, up to sequence `at` where it is given. Refuses AUDIT_STORE or the auditor's own code when it could not check. */
export async function audit(
  folder: Folder,
  { url, deployment }: Pick<Stack, 'url' | 'deployment'>,
  journal: string,
  at?: number,
): Promise<Audit> {
  const until = at === undefined ? [] : ['--at', String(at)]
  const options = [
    ...until,
    '--rpc',
    url,
    '--anchor',
    deployment.anchor,
    '--log',
    folder.paths.audit,
    '--journal',
    journal,
  ]
  const text = await run(['--json', '--from-block', String(deployment.genesisBlock), ...options])
  const line: unknown = JSON.parse(text.trim().split('\n').at(-1) ?? '{}')
  const parsed = Report.safeParse(line)
  if (parsed.success) return parsed.data
  const { code, message } = (line ?? {}) as { code?: unknown; message?: unknown }
  const known = typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'AUDIT_STORE'
  throw new CodedError(known, `the auditor could not check: ${String(message ?? z.prettifyError(parsed.error))}`)
}

function run(words: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [join(ROOT, 'auditor', 'main.ts'), ...words], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: AUDIT_MS_MAX,
  })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  let bytes = 0
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= OUTPUT_BYTES_MAX) out.push(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', () => {
      const text = Buffer.concat(out).toString('utf8')
      const why = Buffer.concat(err).toString('utf8').trim().split('\n').at(-1) ?? 'no word'
      if (text.trim() === '') fail(new CodedError('AUDIT_STORE', `expected a report of the auditor, got: ${why}`))
      else done(text)
    })
  })
}
