/** The api on the loopback interface, for whoever sits at this machine: one page, one JSON, the enclave's documents. */
import type { Documents } from './documents.ts'
import type { StatusView } from './routes/page.ts'
import { type ApiServer, openApi } from './server.ts'
import { tokensOf } from './tokens.ts'

export type { StatusView } from './routes/page.ts'

const HOST = '127.0.0.1'

export type LocalView = {
  readonly read: () => Promise<StatusView>
  readonly core: Documents
}

/** Serves what `read` says and what `core` keeps, without a token. Refuses PORT_BUSY; nothing listens then. */
export function openStatusServer(port: number, { read, core }: LocalView): Promise<ApiServer> {
  const nobody = tokensOf({ viewers: [], admins: [] })
  const options = { tokens: nobody, core, signer: undefined, trustedProxies: [], onFailure: () => undefined }
  return openApi({ ...options, status: read, statusFor: 'anyone' }, { host: HOST, port })
}
