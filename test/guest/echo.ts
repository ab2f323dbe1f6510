/** Runs inside the guest: answers a frame of 5 bytes with as many bytes as it names, and any other with its length. */
import { CID_HOST } from '../../enclave/shell/native/vsock-address.ts'
import { listen } from '../../enclave/shell/transport.ts'

const ORDER_BYTES = 5
const LENGTH_BYTES = 4

/** Ours, and one that lets in the parent of a Nitro Enclave, which the host of this guest is not. */
const doors = [
  ['vsock://any:5000', CID_HOST],
  ['vsock://any:5001', undefined],
] as const

for (const [endpoint, peerCid] of doors) {
  await listen(
    endpoint,
    async (request) => {
      const bytes = Buffer.from(request)
      if (bytes.length === ORDER_BYTES) return new Uint8Array(bytes.readUInt32BE(1))
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUInt32BE(bytes.length)
      return length
    },
    {},
    peerCid,
  )
}
process.stdout.write('echo: ready\n')
