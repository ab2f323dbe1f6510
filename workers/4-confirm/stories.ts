/** Commits on their way from landed to final, as the outbox tells them. */
import { isCoded } from '../../enclave/protocol/errors.ts'
import { type Hash, type Hex, toHash } from '../../enclave/protocol/ids.ts'
import { parseCheckpoint, parseNote } from '../../enclave/protocol/note.ts'
import { utf8 } from '../../enclave/protocol/words.ts'
import { readBoot, readBoots } from '../../host/boot-records.ts'
import type { AnchorFacts, Landing } from '../../host/chain.ts'
import type { Context } from '../../host/context.ts'
import type { CallId, Landed, Story } from '../../host/outbox.ts'
import { planFinality } from './plan.ts'

/** Looked at in one run; the rest follows in the next. */
export const STORIES_PER_RUN_MAX = 64

/** Writes where a commit landed, once for each place. A relayed copy counts: the event is the anchor's. */
export async function noteLanding(context: Context, landing: Landing): Promise<void> {
  const id = { epoch: landing.epoch, sequence: landing.sequence }
  const { landed } = await context.outbox.read(id)
  if (landed?.hash === landing.hash && landed.blockHash === landing.blockHash) return
  const { hash, blockNumber, blockHash, bitmap, logSize, logRoot } = landing
  await context.outbox.append(id, {
    kind: 'landed',
    hash,
    blockNumber,
    blockHash,
    bitmap,
    logSize,
    logRoot,
    atMs: context.now(),
  })
  context.log.info({ sequence: landing.sequence, blockNumber, hash }, 'commit landed')
}

/** Marks attempts that were mined and reverted; true when the live one was among them. */
export async function noteReverts(context: Context, anchor: AnchorFacts, id: CallId): Promise<boolean> {
  const { live } = await context.outbox.read(id)
  if (live === undefined || live.accountNonce >= anchor.accountNonce) return false
  const receipt = await context.chain.receiptOf(live.hash)
  if (receipt === undefined || receipt.succeeded) return false
  const why = await context.chain.simulate(anchor.authority, live.call as Hex)
  context.log.warn({ sequence: id.sequence, hash: live.hash, why }, 'commit reverted')
  await context.outbox.append(id, { kind: 'reverted', hash: live.hash, atMs: context.now() })
  return true
}

/** After a reorg: the bytes of every commit that the chain has lost, in order. */
export async function resendInOrder(context: Context, anchor: AnchorFacts): Promise<void> {
  const stories = await openStories(context)
  for (const { id, live } of stories) {
    const isLost = id.sequence === null ? id.epoch > anchor.epoch : id.sequence > anchor.sequence
    if (!isLost || live === undefined) continue
    context.log.warn({ ...id, verdict: await context.chain.send(live.raw as Hex) }, 'sent again, the chain lacks it')
  }
}

/**
 * Publishes and archives what is final, in order, and notes landings that nobody has seen. A commit that the enclave still
 * takes for unlanded is left out: its checkpoint comes with its settlement.
 */
export async function finishStories(context: Context, anchor: AnchorFacts, unlanded?: CallId): Promise<void> {
  const isOpen = ({ id }: Story) => id.epoch !== unlanded?.epoch || id.sequence !== unlanded.sequence
  const stories = (await openStories(context)).filter(isOpen)
  if (stories.length === 0) return
  const final = await context.chain.final()
  for (const story of stories) {
    const isDone =
      story.id.sequence === null ? story.id.epoch <= final.epoch : await finishCommit(context, story, anchor, final)
    if (isDone) await context.outbox.archive(story.id)
  }
}

async function openStories(context: Context): Promise<Story[]> {
  const ids = (await context.outbox.open()).slice(0, STORIES_PER_RUN_MAX)
  return Promise.all(ids.map((id) => context.outbox.read(id)))
}

type Final = { readonly blockNumber: number; readonly epoch: number }

/** True when the commit is final: landed for good, or voided for good by a later session. */
async function finishCommit(context: Context, story: Story, anchor: AnchorFacts, final: Final): Promise<boolean> {
  const landed = story.landed ?? (await lookForLanding(context, story, anchor))
  if (landed === undefined) return story.id.epoch < final.epoch && story.id.epoch < anchor.epoch
  const isDeep = landed.blockNumber <= final.blockNumber
  const receipt = isDeep ? await context.chain.receiptOf(landed.hash as Hash) : undefined
  switch (planFinality(landed, final.blockNumber, receipt)) {
    case 'wait':
      return false
    case 'moved':
      return relocate(context, story, anchor)
    case 'final':
      return publish(context, story, landed)
  }
}

async function lookForLanding(context: Context, story: Story, anchor: AnchorFacts): Promise<Landed | undefined> {
  const { sequence } = story.id
  if (sequence === null || sequence > anchor.sequence) return undefined
  const landing = await context.chain.landingOf(sequence)
  if (landing === undefined || landing.next !== story.attempts[0]?.header) return undefined
  await noteLanding(context, landing)
  return (await context.outbox.read(story.id)).landed
}

/** The block of a landed commit is not the chain's any more: another one holds it, or none. */
async function relocate(context: Context, story: Story, anchor: AnchorFacts): Promise<boolean> {
  context.log.warn({ ...story.id }, 'reorg: the block of a landed commit is gone')
  const landing = story.id.sequence === null ? undefined : await context.chain.landingOf(story.id.sequence)
  if (landing !== undefined && landing.next === story.attempts[0]?.header) await noteLanding(context, landing)
  else await resendInOrder(context, anchor)
  return false
}

async function publish(context: Context, story: Story, landed: Landed): Promise<boolean> {
  const { logSize, logRoot } = landed
  // Boots that ended before they landed may have signed for the same epoch: the chain says whose it became.
  const session = await context.chain.sessionOf(story.id.epoch)
  const own = session === undefined ? undefined : await readBoot(context.config.paths, session)
  // The boot that rebuilt the ledger has what those before it did not publish.
  const boot = own ?? (await readBoots(context.config.paths)).findLast(({ parent }) => parent === null)
  if (boot === undefined) return false
  const { size } = await context.audit.publish({
    session: boot.session,
    logSize,
    logRoot: logRoot as Hash,
    checkpoint: story.checkpoint ?? (await keptCheckpoint(context, landed)),
  })
  context.log.info({ sequence: story.id.sequence, logSize: size }, 'commit final, log published')
  return true
}

/**
 * A crash after confirm_payout loses the line `settled`, not the note that belongs in it: the enclave keeps the newest one
 * that it signed. One of another commit is left to that commit's own story.
 */
async function keptCheckpoint({ enclave, config }: Context, landed: Landed): Promise<string | undefined> {
  try {
    const ledger = { chain_id: config.chainId, contract_address: config.anchor }
    const { checkpoint } = await enclave.call('audit_checkpoint', ledger)
    const { size, root } = parseCheckpoint(parseNote(utf8(checkpoint)).text)
    return size === landed.logSize && toHash(root) === landed.logRoot ? checkpoint : undefined
  } catch (error) {
    // This boot has settled nothing yet: the next commit's checkpoint covers this one too.
    if (isCoded(error, 'NO_CHECKPOINT')) return undefined
    throw error
  }
}
