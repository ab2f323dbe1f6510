import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { inclusionProof, leafHash, rootOf, verifyInclusion } from '../../../enclave/protocol/log-tree.ts'
import { tilePath } from '../../../enclave/protocol/tlog.ts'
import { concatBytes } from '../../../enclave/protocol/words.ts'
import { openTiles } from '../../../reporter/tiles.ts'
import { codeOfCall } from '../../builders/refusals.ts'

const LEAVES = Array.from({ length: 40 }, (_, at) => leafHash(Uint8Array.of(at)))
const SIZE = LEAVES.length
const PIECE = new Uint8Array(65_536)

/** What a web server answers at the place of the one tile. */
async function served<T>(answer: RequestListener, use: (place: string) => Promise<T>): Promise<T> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/log`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('tiles of a web server', () => {
  it('give the nodes that a proof asks for, from below the address that was given', async () => {
    const path = `/log/${tilePath({ kind: 'hashes', level: 0, index: 0, width: SIZE })}`
    const answer: RequestListener = ({ url }, response) => {
      response.writeHead(url === path ? 200 : 404).end(url === path ? concatBytes(...LEAVES) : '')
    }
    const node = await served(answer, (place) => openTiles(place).nodesFor(7, SIZE))
    const proof = inclusionProof(7, SIZE, node)
    verifyInclusion({ leafHash: LEAVES[7] as Uint8Array, index: 7, size: SIZE, root: rootOf(LEAVES), proof })
  })

  it('are missing where it has none, or sends other bytes than a tile has', async () => {
    const none: RequestListener = (_, response) => response.writeHead(404).end()
    expect(await served(none, (place) => codeOfCall(openTiles(place).nodesFor(7, SIZE)))).to.equal('AUDIT_STORE')
    const short: RequestListener = (_, response) => response.end(concatBytes(...LEAVES.slice(1)))
    expect(await served(short, (place) => codeOfCall(openTiles(place).nodesFor(7, SIZE)))).to.equal('TILE_SYNTAX')
  })

  it('are given up once they are longer than a tile, though the server would send for ever', async () => {
    const hungUp: Promise<unknown>[] = []
    const endless: RequestListener = (_, response) => {
      hungUp.push(once(response, 'close'))
      const send = (): void => {
        while (!response.destroyed && response.write(PIECE));
        if (!response.destroyed) response.once('drain', send)
      }
      send()
    }
    await served(endless, async (place) => {
      expect(await codeOfCall(openTiles(place).nodesFor(7, SIZE))).to.equal('AUDIT_STORE')
      await Promise.all(hungUp)
    })
  })
})
