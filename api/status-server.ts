/** The status of a ledger on the loopback interface, for whoever sits at this machine: one page, one JSON. */
import type { StatusView } from './routes/page.ts'
import { type ApiServer, openApi } from './server.ts'
import { tokensOf } from './tokens.ts'

export type { StatusView } from './routes/page.ts'
export type StatusServer = ApiServer

const HOST = '127.0.0.1'

/** Serves what `read` says. Refuses PORT_BUSY; nothing listens then. */
export function openStatusServer(
  port: number,
  read: () => Promise<StatusView>,
  onFailure: (error: unknown) => void = () => undefined,
): Promise<StatusServer> {
  const nobody = tokensOf({ viewers: [], admins: [] })
  const options = { tokens: nobody, core: undefined, signer: undefined, trustedProxies: [], onFailure }
  return openApi({ ...options, status: read, statusFor: 'anyone' }, { host: HOST, port })
}
