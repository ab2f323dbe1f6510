#!/usr/bin/env node
/** A stand-in of KMS as a process: node test/stand-ins/kms/main.ts SETTINGS. WARNING: for tests; its key lies in a file. */
import type { AddressInfo } from 'node:net'
import { serveKms } from './server.ts'
import { answerRequest, type ServiceOptions } from './service.ts'
import { readSettings, type Settings } from './settings.ts'

const settings = readSettings(process.argv[2] ?? '')
const options = optionsOf(settings)
const server = serveKms(settings, (request) => answerRequest(options, request), options.now)
server.listen(placeOf(settings.listen), () => process.stdout.write(`${JSON.stringify({ listen: told() })}\n`))
process.on('SIGTERM', stop)
// The one who started it holds the other end: it ends with him.
process.stdin.on('end', stop).on('error', stop).resume()

function optionsOf({ masterKey, aheadMs = 0, ...rest }: Settings): ServiceOptions {
  return { ...rest, masterKey: Buffer.from(masterKey, 'hex'), now: () => Date.now() + aheadMs }
}

function placeOf(listen: string): { path: string } | { port: number; host: string } {
  const { protocol, pathname, port, hostname } = new URL(listen)
  return protocol === 'unix:' ? { path: pathname } : { port: Number.parseInt(port || '0', 10), host: hostname }
}

function told(): string {
  const address = server.address() as AddressInfo | string
  return typeof address === 'string' ? `unix://${address}` : `tcp://127.0.0.1:${address.port}`
}

function stop(): void {
  server.closeAllConnections()
  server.close(() => process.exit(0))
}
