/** Commands that check the ledger against the chain: a quick look of the host's, and the auditor's whole one. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { toAddress } from '../../enclave/protocol/ids.ts'
import type { Context } from '../../host/context.ts'
import { readStatus } from '../../host/status.ts'
import { type Answer, EXIT_FAILED, type Terminal, tableOf } from './answer.ts'
import { passOn } from './processes.ts'

export type AuditWords = {
  readonly at?: string
  readonly since?: string
  readonly measurements?: string
  readonly enclaveConfig?: readonly string[]
  readonly json?: boolean
}

/** Head, session and public log, as the enclave and the chain tell them. The auditor trusts neither; this is quick. */
export async function anchorVerifyAnswer(context: Context): Promise<Answer> {
  const { enclave, ledger, anchor, agrees } = await readStatus(context)
  const published = await context.audit.published()
  const root = published.size === 0 ? null : await anchoredRoot(context, published.size)
  const claims = [
    ['enclave and chain hold one head', agrees === true],
    ['the session on chain is the enclave’s', anchor !== undefined && anchor.session === enclave.session],
    ['the authority on chain is the enclave’s', anchor !== undefined && anchor.authority === enclave.authority],
    ['the public log has an anchored root', published.size === 0 || root === published.root],
  ] as const
  const holds = claims.every(([, value]) => value)
  const value = {
    verdict: holds ? 'ok' : 'fail',
    claims: Object.fromEntries(claims),
    head: { enclave: ledger?.head ?? null, chain: anchor?.head ?? null },
    publicLog: { ...published, anchoredRoot: root },
  }
  const text = tableOf(claims.map(([name, value]) => [value ? 'ok' : 'FAIL', name]))
  return { format: 'anchorhold-anchor-verify/1', value, text, exitCode: holds ? 0 : EXIT_FAILED }
}

const SEQUENCES_BACK_MAX = 64

/** Root of the newest commit that covers exactly `size` entries; null when none of the last ones does. */
async function anchoredRoot({ chain, enclave }: Context, size: number): Promise<string | null> {
  const { address } = await enclave.call('status', {})
  const authority = address ?? toAddress(`0x${'00'.repeat(20)}`)
  if (authority === undefined) return null
  const { sequence } = await chain.facts(authority)
  for (let back = 0; back < Math.min(sequence, SEQUENCES_BACK_MAX); back++) {
    const landing = await chain.landingOf(sequence - back)
    if (landing?.logSize === size) return landing.logRoot
  }
  return null
}

type Asked = Pick<Context, 'config'> & Pick<Terminal, 'typedIn'>

/**
 * Runs the auditor as a stranger would, over this folder's public log. Its exit code is ours: 0 clean, 1 findings, 2
 * unchecked. Files are named from where the words were typed.
 */
export function auditVerify({ config, typedIn }: Asked, given: AuditWords): Promise<number> {
  const { at, since, measurements, enclaveConfig = [], json } = given
  const [rpc = ''] = config.rpcUrls
  const place = ['--rpc', rpc, '--anchor', config.anchor, '--from-block', `${config.fromBlock}`]
  const words = [...place, '--log', config.paths.audit]
  // A ledger of signed credits may never have had one.
  if (existsSync(config.journal)) words.push('--journal', config.journal)
  if (at !== undefined) words.push('--at', at)
  if (since !== undefined) words.push('--since', since)
  if (measurements !== undefined) words.push('--measurements', resolve(typedIn, measurements))
  for (const file of enclaveConfig) words.push('--enclave-config', resolve(typedIn, file))
  if (json === true) words.push('--json')
  return passOn('auditor/main.ts', words)
}
