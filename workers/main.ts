#!/usr/bin/env node
/** Starts the stages named on the command line and drains them on SIGTERM. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CodedError } from '../enclave/protocol/errors.ts'
import { loadHostConfig } from '../host/config.ts'
import { type Context, openContext } from '../host/context.ts'
import { openLog, shownError } from '../host/log.ts'
import { connectRedis, requireNoEviction } from '../queues/connection.ts'
import { openDoorbell } from '../queues/doorbell.ts'
import { isStage, STAGES, type Stage } from '../queues/names.ts'
import { startCanary } from './canary.ts'
import { watchLiveness } from './liveness.ts'
import { startStage } from './runner.ts'

const USAGE = 'usage: node workers/main.ts --data FOLDER [--stage ingest,prepare,broadcast,confirm] [--with-parent]'
const EXIT_USAGE = 2
const EXIT_FAILED = 1
/** Draining has no limit of its own in BullMQ: after this long the process ends all the same, and nothing is lost. */
export const DRAIN_MS_MAX = 25_000

async function main(): Promise<void> {
  const { data, stages, withParent } = readOptions()
  const config = loadHostConfig(data)
  const log = openLog({ level: config.logLevel, name: stages.length === STAGES.length ? 'workers' : stages.join('+') })
  const context = openContext(config, log)
  await context.chain.requireChain()
  const stop = await startAll(context, stages)
  log.info({ stages }, 'ready')
  let isStopping = false
  const end = (why: string): void => {
    if (isStopping) return
    isStopping = true
    log.info({ why }, 'draining')
    void Promise.race([stop(), sleep(DRAIN_MS_MAX)]).finally(() => process.exit(0))
  }
  process.on('SIGTERM', () => end('SIGTERM'))
  process.on('SIGINT', () => end('SIGINT'))
  if (withParent)
    process.stdin
      .on('end', () => end('parent'))
      .on('error', () => end('parent'))
      .resume()
}

async function startAll(context: Context, stages: readonly Stage[]): Promise<() => Promise<void>> {
  const { config, log } = context
  const onError = (error: Error) => log.debug(shownError(error), 'redis')
  const probe = connectRedis(config.redisUrl, 'worker', onError)
  await requireNoEviction(probe)
  probe.disconnect()
  const doorbell = openDoorbell({ url: config.redisUrl, shard: config.shard, onError })
  const liveness = watchLiveness(stages, config.livenessMs, (stage, silentMs) => {
    log.fatal({ stage, silentMs }, 'no job was consumed for too long: ending, to be started again')
    // Draining would wait for the very thing that hangs; nothing is lost by a hard end.
    process.exit(EXIT_FAILED)
  })
  const start = (stage: Stage) => startStage(stage, context, doorbell, () => liveness.note(stage))
  const running = [...stages.map(start), startCanary(context)]
  await doorbell.keepTicking(stages)
  return async () => {
    liveness.close()
    await Promise.allSettled(running.map((stage) => stage.close()))
    await doorbell.close()
    await context.close()
  }
}

function readOptions(): { data: string; stages: Stage[]; withParent: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string' },
        stage: { type: 'string', default: 'all' },
        'with-parent': { type: 'boolean', default: false },
      },
    })
    const names = values.stage === 'all' ? [...STAGES] : values.stage.split(',')
    const stages = names.filter(isStage)
    if (values.data !== undefined && stages.length === names.length)
      return { data: values.data, stages, withParent: values['with-parent'] }
  } catch {
    // An unknown option gets the same line.
  }
  process.stderr.write(`${USAGE}\n`)
  process.exit(EXIT_USAGE)
}

main().catch((error: unknown) => {
  const text = error instanceof CodedError ? `${error.code}: ${error.message}. ${error.action}` : String(error)
  process.stderr.write(`${text}\n`)
  process.exit(EXIT_FAILED)
})
