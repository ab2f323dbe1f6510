import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { expect } from 'chai'
import { type Address, createTestClient, createWalletClient, getContract, type Hex, http, publicActions } from 'viem'
import { installWorld, readArtifact, WORLD, WORLD_ABI, WORLD_FIRST_ROUND } from '../../scripts/chain/world.ts'
import { addressOf } from './wire.ts'

const TRANSCODERS = 110
const POLL_MS = 50
const CHAIN_ID = 42161

/** The platform's own binary: the wrapper beside it leaves its child running when it is killed. */
function anvilBinary(): string {
  const require = createRequire(import.meta.url)
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  return require.resolve(`@foundry-rs/anvil-${process.platform}-${arch}/bin/anvil`)
}

describe('the world on a live node', function () {
  this.timeout(180_000)
  let node: ChildProcess | undefined
  let url = ''

  before(async () => {
    const words = ['--port', '0', '--chain-id', String(CHAIN_ID)]
    const started = spawn(anvilBinary(), words, { stdio: ['ignore', 'pipe', 'ignore'] })
    node = started
    url = await listeningUrl(started.stdout)
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
        const { status } = await chain.waitForTransactionReceipt({ hash, pollingInterval: POLL_MS })
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

/** It takes a free port and says which one. It is read to its end: a full pipe would stop it. */
function listeningUrl(stdout: Readable): Promise<string> {
  return new Promise((found, fail) => {
    createInterface({ input: stdout })
      .on('line', (line) => {
        const [, place] = /^Listening on (\S+)$/.exec(line) ?? []
        if (place !== undefined) found(`http://${place}`)
      })
      .on('close', () => fail(new Error('expected anvil to listen, it ended')))
  })
}
