/** Sends back every byte that comes in on the Unix socket of its first word. Ends with its parent. */
import { createServer } from 'node:net'

const [path = ''] = process.argv.slice(2)
const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
server.listen(path, () => process.stdout.write('ready\n'))
process.stdin.on('end', () => process.exit(0)).resume()
