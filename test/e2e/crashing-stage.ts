/**
 * One stage of the pipeline in a process of its own that dies by SIGKILL at a named point between two durable steps:
 * `node crashing-stage.ts DATA STAGE POINT`. The stage is the production one; the points are put around what it is given.
 * Ends with 3 when the point was never reached.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { loadHostConfig } from '../../host/config.ts'
import { type Context, openContext } from '../../host/context.ts'
import { FrameLog } from '../../host/frame-log.ts'
import { openLog } from '../../host/log.ts'
import { openPrepare } from '../../workers/2-prepare/worker.ts'
import { openBroadcast } from '../../workers/3-broadcast/worker.ts'
import { openConfirm } from '../../workers/4-confirm/worker.ts'

const OPENERS = { prepare: openPrepare, broadcast: openBroadcast, confirm: openConfirm }
const POLL_MS = 20
const LOOKS_MAX = 1_000
const EXIT_NOT_REACHED = 3

async function main([dataDir = '', stage = '', point = '']: readonly string[]): Promise<void> {
  const config = loadHostConfig(dataDir)
  const context = mined(openContext(config, openLog({ level: config.logLevel, name: `crashing ${stage}` })), point)
  const look = OPENERS[stage as keyof typeof OPENERS](context, async () => true)
  for (let count = 0; count < LOOKS_MAX; count++) {
    await look.run().catch((error: unknown) => context.log.warn(String(error)))
    await sleep(POLL_MS)
  }
  process.exit(EXIT_NOT_REACHED)
}

/** Which call dies, and on which side of it. */
function mined(context: Context, point: string): Context {
  const [side = '', what = ''] = point.split(' ', 2)
  const { outbox, records, chain, audit, enclave } = context
  const mine = <A extends readonly unknown[], R>(act: (...given: A) => Promise<R>, is: (...given: A) => boolean) => {
    return async (...given: A): Promise<R> => {
      if (side === 'before' && is(...given)) await die()
      const result = await act(...given)
      if (side === 'after' && is(...given)) await die()
      return result
    }
  }
  if (what === 'sealed' || what === 'entries') mineFrames(side, what)
  const call = mine(enclave.call as (method: string, params: object) => Promise<unknown>, (method) => method === what)
  return {
    ...context,
    outbox: {
      ...outbox,
      append: mine(outbox.append, (_, { kind }) => kind === what),
      archive: mine(outbox.archive, () => what === 'archive'),
    },
    records: { ...records, store: mine(records.store, () => what === 'records') },
    chain: { ...chain, send: mine(chain.send, () => what === 'send') },
    audit: { ...audit, publish: mine(audit.publish, () => what === 'publish') },
    enclave: { ...enclave, call: call as typeof enclave.call },
  }
}

/** Records are written to the sealed file, synced, then to the entries, synced: the first sync is of the first file. */
function mineFrames(side: string, what: 'sealed' | 'entries'): void {
  const { write, sync } = FrameLog.prototype
  let syncs = 0
  const isIt = () => syncs === (what === 'sealed' ? 0 : 1)
  FrameLog.prototype.write = async function (this: FrameLog, ...given) {
    if (side === 'before' && isIt()) await die()
    return write.apply(this, given)
  }
  FrameLog.prototype.sync = async function (this: FrameLog) {
    await sync.apply(this)
    if (side === 'after' && isIt()) await die()
    syncs += 1
  }
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

await main(process.argv.slice(2))
