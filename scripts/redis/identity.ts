/** Who answers on a port: a Redis tells its process id and its folder, which no other server shares. */
import { Redis } from 'ioredis'

export type Identity = { readonly pid: number; readonly dir: string }

const HOST = '127.0.0.1'
const ANSWER_MS_MAX = 2_000

/** Undefined when nobody answers there, or no Redis, or one that is still loading. */
export async function askIdentity(port: number): Promise<Identity | undefined> {
  const client = new Redis({
    host: HOST,
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: ANSWER_MS_MAX,
    commandTimeout: ANSWER_MS_MAX,
    enableReadyCheck: false,
  })
  // Errors arrive as rejections below; the event without a listener would end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    const pid = Number(/^process_id:(\d+)/m.exec(await client.info('server'))?.[1])
    const [, dir] = (await client.config('GET', 'dir')) as string[]
    return dir === undefined || Number.isNaN(pid) ? undefined : { pid, dir }
  } catch {
    return undefined
  } finally {
    client.disconnect()
  }
}
