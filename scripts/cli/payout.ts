/** One payout, one commit or one transaction, as the outbox knows it. */
import { readdir } from 'node:fs/promises'
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { Context } from '../../host/context.ts'
import type { CallId, Outbox, Story } from '../../host/outbox.ts'
import { type Answer, EXIT_FAILED, ether, tableOf } from './answer.ts'

type Wanted =
  | { readonly kind: 'payout'; readonly payoutId: number }
  | { readonly kind: 'sequence'; readonly sequence: number }
  | { readonly kind: 'hash'; readonly hash: string }

const FILE_FORM = /^(\d{15})-(\d{15})\.log$/

/** A plain number is a payout id, `#7` the commit of sequence 7, 0x and 64 digits a transaction or a header. Refuses CONFIG_INVALID. */
export function parseWanted(text: string): Wanted {
  if (/^\d{1,10}$/.test(text)) return { kind: 'payout', payoutId: Number.parseInt(text, 10) }
  if (/^#\d{1,15}$/.test(text)) return { kind: 'sequence', sequence: Number.parseInt(text.slice(1), 10) }
  if (/^0x[0-9a-f]{64}$/i.test(text)) return { kind: 'hash', hash: text.toLowerCase() }
  throw new CodedError('CONFIG_INVALID', `expected a payout id, #sequence or a 32-byte hash, got ${text}`)
}

export async function payoutAnswer({ outbox, config }: Context, text: string): Promise<Answer> {
  const wanted = parseWanted(text)
  const stories = await findStories(outbox, [config.paths.outbox, config.paths.outboxArchive], wanted)
  const commits = stories.map((story) => describeStory(story, wanted))
  const value = { wanted: text, commits }
  if (commits.length === 0) {
    const shown = `no commit in ${config.paths.outbox} has ${text}`
    return { format: FORMAT, value, text: shown, exitCode: EXIT_FAILED }
  }
  return { format: FORMAT, value, text: commits.map(textOf).join('\n') }
}

const FORMAT = 'anchorhold-payout/1'

/** Newest first; a sequence may have been signed by several sessions, of which one landed. */
async function findStories(outbox: Outbox, folders: readonly string[], wanted: Wanted): Promise<Story[]> {
  const ids = (await Promise.all(folders.map(commitsIn))).flat()
  ids.sort((left, right) => right.epoch - left.epoch || (right.sequence ?? 0) - (left.sequence ?? 0))
  const found: Story[] = []
  for (const id of ids) {
    if (wanted.kind === 'sequence' && id.sequence !== wanted.sequence) continue
    const story = await outbox.read(id)
    if (holds(story, wanted)) found.push(story)
    // Payout ids are never used twice, nor hashes: one commit has them.
    if (found.length > 0 && wanted.kind !== 'sequence') break
  }
  return found
}

async function commitsIn(folder: string): Promise<CallId[]> {
  const names = await readdir(folder).catch(() => [])
  return names.flatMap((name) => {
    const form = FILE_FORM.exec(name)
    return form === null
      ? []
      : [{ epoch: Number.parseInt(form[1] ?? '', 10), sequence: Number.parseInt(form[2] ?? '', 10) }]
  })
}

function holds({ attempts }: Story, wanted: Wanted): boolean {
  switch (wanted.kind) {
    case 'sequence':
      return true
    case 'payout':
      return attempts.some(({ payouts }) => payouts.some(({ payoutId }) => payoutId === wanted.payoutId))
    case 'hash':
      return attempts.some(({ hash, header }) => hash === wanted.hash || header === wanted.hash)
  }
}

type Shown = ReturnType<typeof describeStory>

function describeStory({ id, attempts, landed, checkpoint }: Story, wanted: Wanted) {
  const last = attempts.find(({ hash }) => hash === landed?.hash) ?? attempts.at(-1)
  const bits = landed?.bitmap === null || landed === undefined ? undefined : BigInt(landed.bitmap)
  const payouts = (last?.payouts ?? []).map((payout, position) => ({
    ...payout,
    outcome: outcomeOf(bits, position, payout.skipped),
  }))
  return {
    epoch: id.epoch,
    sequence: id.sequence,
    state: landed === undefined ? 'on its way' : checkpoint === undefined ? 'landed' : 'settled',
    header: last?.header,
    attempts: attempts.map(({ hash, accountNonce, gas, maxFeeWei, atMs }) => ({
      hash,
      accountNonce,
      gas,
      maxFeeWei,
      atMs,
    })),
    landed:
      landed === undefined ? null : { hash: landed.hash, blockNumber: landed.blockNumber, blockHash: landed.blockHash },
    payouts: wanted.kind === 'payout' ? payouts.filter(({ payoutId }) => payoutId === wanted.payoutId) : payouts,
  }
}

/** The anchor's own bitmap decides; a receipt of status 1 alone says nothing. */
function outcomeOf(
  bits: bigint | undefined,
  position: number,
  skipped: boolean,
): 'paid' | 'returned' | 'skipped' | 'open' {
  if (bits === undefined) return 'open'
  if (((bits >> BigInt(position)) & 1n) === 1n) return 'paid'
  return skipped ? 'skipped' : 'returned'
}

function textOf({ epoch, sequence, state, attempts, landed, payouts }: Shown): string {
  const rows = [
    ['commit', `sequence ${sequence}, epoch ${epoch}: ${state}`],
    ['attempts', attempts.map(({ hash }) => hash).join('\n')],
    ['landed', landed === null ? 'no' : `${landed.hash} in block ${landed.blockNumber}`],
  ]
  const lines = payouts.map(({ payoutId, orchestratorId, recipient, wei, outcome }) => [
    `${payoutId}`,
    orchestratorId,
    recipient,
    ether(wei),
    outcome,
  ])
  return `${tableOf(rows)}\n${tableOf(lines, ['payout', 'orchestrator', 'recipient', 'amount', 'outcome'])}`
}
