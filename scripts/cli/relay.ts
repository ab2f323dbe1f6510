/** `anchorhold relay`: the newest signed call of the outbox, carried by anybody's account. The anchor knows signatures only. */
import { resolve } from 'node:path'
import { CodedError } from '../../enclave/protocol/errors.ts'
import type { Hex } from '../../enclave/protocol/ids.ts'
import type { Context } from '../../host/context.ts'
import type { Story } from '../../host/outbox.ts'
import { readKey } from '../../reporter/key.ts'
import type { Answer, Terminal } from './answer.ts'
import type { Typed } from './command.ts'
import { recordCommand } from './context.ts'
import { sendCall } from './transactions.ts'

export const RELAY_KEY_VARIABLE = 'ANCHORHOLD_RELAY_KEY'
const STORIES_MAX = 64

/** Refuses NO_UNLANDED_COMMIT when nothing waits, RPC_FAILED when the call would revert. */
export async function relayAnswer(context: Context, words: Typed, { environment, typedIn }: Terminal): Promise<Answer> {
  const file = words['keyFile']
  const place = {
    file: file === undefined ? undefined : resolve(typedIn, file),
    text: environment[RELAY_KEY_VARIABLE],
  }
  const key = await readKey(place)
  const story = await newest(context)
  const attempt = story?.live
  if (story === undefined || attempt === undefined)
    throw new CodedError('NO_UNLANDED_COMMIT', 'expected a signed call that waits in the outbox, there is none')
  await recordCommand(context, 'relay', { ...story.id, hash: attempt.hash, by: key.address })
  const sent = await sendCall(context.config, key, attempt.call as Hex)
  const what = story.id.sequence === null ? `the session of epoch ${story.id.epoch}` : `commit ${story.id.sequence}`
  return {
    format: 'anchorhold-relay/1',
    value: { ...story.id, ...sent, from: key.address },
    text: `${what} landed in block ${sent.blockNumber}, carried by ${key.address}: ${sent.hash}`,
  }
}

/** The newest call that may be sent and is not seen as landed. */
async function newest({ outbox }: Context): Promise<Story | undefined> {
  for (const id of (await outbox.open()).slice(-STORIES_MAX).reverse()) {
    const story = await outbox.read(id)
    if (story.live !== undefined && story.landed === undefined) return story
  }
  return undefined
}
