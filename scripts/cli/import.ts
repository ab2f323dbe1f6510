/** `anchorhold import`: what is taken over from an original installation, and the sum that somebody has to approve. */
import { resolve } from 'node:path'
import { type ImportOptions, importInstallation } from '../import/import.ts'
import { type Answer, ether, type Terminal, tableOf } from './answer.ts'

export async function importAnswer(options: ImportOptions, { environment, typedIn }: Terminal): Promise<Answer> {
  const from = (path: string | undefined) => (path === undefined ? undefined : resolve(typedIn, path))
  const paths = {
    blob: from(options.blob),
    keyFile: from(options.keyFile),
    journal: from(options.journal),
    pending: from(options.pending),
    roster: from(options.roster),
  }
  const named = Object.fromEntries(Object.entries(paths).filter(([, path]) => path !== undefined))
  const absolute = {
    ...options,
    ...named,
    policy: resolve(typedIn, options.policy),
    out: resolve(typedIn, options.out),
  }
  const imported = await importInstallation(absolute, environment)
  const { source, sumWei, openings, roster, withoutRecipient, start, payoutsInJournal, unreadLines, unfinishedBytes } =
    imported
  const rows = [
    ['balances from', source],
    ['TO APPROVE', `${ether(sumWei)} owed to ${openings} orchestrators`],
    ['without a recipient', `${withoutRecipient} of them: they accrue until one is registered`],
    ['roster', `${roster} recipients`],
    [
      'journal',
      `goes on behind line ${start.lines}; ${payoutsInJournal} old payouts lie before, ${unreadLines} lines name no balance`,
    ],
    ['unfinished line', unfinishedBytes === 0 ? 'none' : `${unfinishedBytes} bytes wait for their newline`],
    ['genesis file', imported.out],
    ['genesisHash', imported.genesisHash],
  ]
  const next =
    'Put genesisHash into enclave.json, run genesis, let the auditor compare; only then fund the anchor with the sum.'
  return { format: 'anchorhold-import/1', value: imported, text: `${tableOf(rows)}\n${next}` }
}
