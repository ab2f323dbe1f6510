import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { type Address, createTestClient, createWalletClient, getContract, type Hex, http, publicActions } from 'viem'
import { installWorld, readArtifact, WORLD, WORLD_ABI, WORLD_FIRST_ROUND } from '../../scripts/chain/world.ts'
import { addressOf } from './wire.ts'

const TRANSCODERS = 110
const START_ATTEMPTS_MAX = 100
const START_POLL_MS = 50
const CHAIN_ID = 42161

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('expected a TCP port')
  return address.port
}

/** The platform's own binary: the wrapper beside it leaves its child running when it is killed. */
function anvilBinary(): string {
  const require = createRequire(import.meta.url)
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  return require.resolve(`@foundry-rs/anvil-${process.platform}-${arch}/bin/anvil`)
}

describe('the world on a live node', function () {
  this.timeout(60_000)
  let node: ChildProcess | undefined
  let url = ''

  before(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    node = spawn(anvilBinary(), ['--port', String(port), '--chain-id', String(CHAIN_ID), '--silent'], {
      stdio: 'ignore',
    })
    await answered(url)
  })

  after(async () => {
    const exited = new Promise((resolve) => node?.once('exit', resolve))
    node?.kill('SIGKILL')
    await exited
  })

  it('comes up at the main-net addresses with 110 active transcoders and an open round', async () => {
    const chain = createTestClient({ mode: 'anvil', transport: http(url) }).extend(publicActions)
    const [owner] = await createWalletClient({ transport: http(url) }).getAddresses()
    if (owner === undefined) throw new Error('expected an account of the node')
    const wallet = createWalletClient({ account: owner, transport: http(url) })
    const deps = {
      setCode: (address: Address, bytecode: Hex) => chain.setCode({ address, bytecode }),
      send: async (transaction: { to: Address; data: Hex; value?: bigint }) => {
        const hash = await wallet.sendTransaction({ ...transaction, chain: null })
        const { status } = await chain.waitForTransactionReceipt({ hash, pollingInterval: START_POLL_MS })
        expect(status).to.equal('success')
      },
      artifact: (name: string) => readArtifact(name),
    }
    const transcoders = Array.from({ length: TRANSCODERS }, (_, i) => addressOf(`transcoder ${i}`))
    const periods = { roundLengthBlocks: 5_760n, ticketValidityPeriodRounds: 2n, unlockPeriodRounds: 2n }
    await installWorld(deps, { owner, rules: 'v1', ...periods, transcoders })
    const bonding = getContract({ address: WORLD.bondingManager, abi: WORLD_ABI, client: chain })
    const rounds = getContract({ address: WORLD.roundsManager, abi: WORLD_ABI, client: chain })
    expect(await bonding.read.getTranscoderPoolSize()).to.equal(BigInt(TRANSCODERS))
    expect(await bonding.read.isActiveTranscoder([addressOf('transcoder 109')])).to.equal(true)
    expect(await rounds.read.currentRoundInitialized()).to.equal(true)
    expect(await rounds.read.blockHashForRound([WORLD_FIRST_ROUND])).to.not.equal(`0x${'00'.repeat(32)}`)
  })
})

async function answered(url: string): Promise<void> {
  const client = createTestClient({ mode: 'anvil', transport: http(url, { retryCount: 0 }) }).extend(publicActions)
  for (let attempt = 1; attempt <= START_ATTEMPTS_MAX; attempt++) {
    const up = await client.getChainId().then(
      () => true,
      () => false,
    )
    if (up) return
    await new Promise((resolve) => setTimeout(resolve, START_POLL_MS))
  }
  throw new Error(`anvil did not answer at ${url}`)
}
