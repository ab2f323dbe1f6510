/**
 * The four stages of production as one process: `node --import lying-disk.ts stage-process.ts DATA`. They look in turn, so
 * that which of them does a durable thing first is no matter of luck; who rings whom is another test's concern.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { loadHostConfig } from '../../../host/config.ts'
import { openContext } from '../../../host/context.ts'
import { openLog } from '../../../host/log.ts'
import { STAGES } from '../../../queues/names.ts'
import { openIngest } from '../../../workers/1-ingest/worker.ts'
import { openPrepare } from '../../../workers/2-prepare/worker.ts'
import { openBroadcast } from '../../../workers/3-broadcast/worker.ts'
import { openConfirm } from '../../../workers/4-confirm/worker.ts'
import { gate } from './lying-disk.ts'

const POLL_MS = 40

async function main([dataDir = '']: readonly string[]): Promise<void> {
  const config = loadHostConfig(dataDir)
  const context = openContext(config, openLog({ level: config.logLevel, name: 'stages' }))
  const ring = async () => true
  const looks = {
    ingest: openIngest(context, ring),
    prepare: openPrepare(context, ring),
    broadcast: openBroadcast(context, ring),
    confirm: openConfirm(context, ring),
  }
  while (true) {
    for (const stage of STAGES) {
      gate.scene = stage
      await looks[stage].run().catch((error: unknown) => context.log.warn({ stage }, String(error)))
    }
    await sleep(POLL_MS)
  }
}

await main(process.argv.slice(2))
