/** JSON lines on stderr, one child logger a part. Keys, raw transactions and sealed bytes are never logged. */
import { type DestinationStream, destination, type Logger, pino } from 'pino'

export type Log = Logger

const STDERR = 2

export function openLog(options: {
  readonly level: string
  readonly name: string
  readonly to?: DestinationStream
}): Log {
  return pino(
    {
      level: options.level,
      base: { name: options.name },
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      redact: {
        paths: ['raw', '*.raw', 'rawTransaction', '*.rawTransaction', 'ciphertext_b64', '*.ciphertext_b64'],
        remove: true,
      },
    },
    options.to ?? destination({ dest: STDERR, sync: true }),
  )
}

/** Code and text of whatever was thrown, without a stack: for a line of the log. */
export function shownError(error: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  return {
    code: typeof code === 'string' ? code : 'UNKNOWN',
    message: String(message ?? error).slice(0, SHOWN_CHARACTERS_MAX),
  }
}

const SHOWN_CHARACTERS_MAX = 500
