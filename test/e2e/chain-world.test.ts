import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { decodeFunctionResult, encodeFunctionData, type Hex, parseAbi, toFunctionSelector } from 'viem'
import { wei, ZERO_WEI } from '../../enclave/protocol/money.ts'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import { appointAuthority, fundGasFloat, readDeployment, setupChain } from '../../scripts/chain/setup.ts'
import { WORLD, WORLD_ABI } from '../../scripts/chain/world.ts'
import { balanceOf, chainWorkshop, hashesUpTo, heightOf, killHard, post, until } from './chain-harness.ts'

const ARTIFACT = 'artifacts/contracts/LedgerAnchor.sol/LedgerAnchor.json'
const ANCHOR_ABI = parseAbi([
  'function guardian() view returns (address)',
  'function authority() view returns (address)',
])
const APPOINT_ABI = parseAbi(['function appointAuthority(address)'])
const KEEPER_LAG_BLOCKS = 4
const ROUND_LENGTH_BLOCKS = 15n
const TREASURY_WEI = wei(5n * 10n ** 18n)
const guardian = devAccount(1).address
const transcoders = [devAccount(12).address, devAccount(13).address]
const OPTIONS = { guardian, transcoders, roundLengthBlocks: ROUND_LENGTH_BLOCKS, treasuryWei: TREASURY_WEI }

describe('embedded chain: the world and the anchor', function () {
  this.timeout(180_000)
  const workshop = chainWorkshop()

  before(function () {
    if (existsSync(ARTIFACT)) return
    process.stdout.write(`    skipped: ${ARTIFACT} is not there; run "hardhat build" first\n`)
    this.skip()
  })
  afterEach(() => workshop.clear())

  const start = async (dataDir: string) => workshop.start({ dataDir, keeperLagBlocks: KEEPER_LAG_BLOCKS })

  it('stands after one set-up: guardian named, treasury filled, transcoders registered, round open', async () => {
    const { url } = await start(await workshop.folder())
    const deployment = await setupChain(url, OPTIONS)
    expect(await read(url, deployment.anchor, ANCHOR_ABI, 'guardian')).to.equal(guardian)
    expect(await balanceOf(url, deployment.anchor)).to.equal(TREASURY_WEI)
    expect(deployment.genesisBlock).to.be.within(1, await heightOf(url))
    for (const who of transcoders)
      expect(await readWorld(url, 'bondingManager', 'isRegisteredTranscoder', [who])).to.equal(true)
    expect(await readWorld(url, 'bondingManager', 'isRegisteredTranscoder', [guardian])).to.equal(false)
    expect(await readWorld(url, 'roundsManager', 'currentRoundInitialized')).to.equal(true)
    const round = (await readWorld(url, 'roundsManager', 'currentRound')) as bigint
    expect(await readWorld(url, 'roundsManager', 'blockHashForRound', [round])).to.not.equal(`0x${'0'.repeat(64)}`)
  })

  it('is the same after a kill, and is not set up twice', async () => {
    const dataDir = await workshop.folder()
    const before = await start(dataDir)
    expect(await readDeployment(before.url)).to.equal(undefined)
    const deployment = await setupChain(before.url, OPTIONS)
    const hashes = await hashesUpTo(before.url, await heightOf(before.url))
    await killHard(before)
    const after = await start(dataDir)
    expect(await hashesUpTo(after.url, hashes.length - 1)).to.deep.equal(hashes)
    expect(await setupChain(after.url, OPTIONS)).to.deep.equal(deployment)
    expect(await balanceOf(after.url, deployment.anchor)).to.equal(TREASURY_WEI)
  })

  it('takes an authority from the guardian alone, and a gas float from the treasury owner', async () => {
    const { url } = await start(await workshop.folder())
    const { anchor } = await setupChain(url, { ...OPTIONS, treasuryWei: ZERO_WEI })
    const authority = `0x${'a7'.repeat(20)}` as const
    const stranger = await appointAuthority(url, { anchor, authority, guardian: devAccount(4) }).then(
      () => 'taken',
      (error: { code: string }) => error.code,
    )
    expect(stranger).to.equal('RPC_FAILED')
    await appointAuthority(url, { anchor, authority })
    expect(String(await read(url, anchor, ANCHOR_ABI, 'authority')).toLowerCase()).to.equal(authority)
    await fundGasFloat(url, { authority, amountWei: wei(77n) })
    expect(await balanceOf(url, authority)).to.equal(77n)
    expect(await balanceOf(url, anchor)).to.equal(0n)
  })

  it("shows the anchor's own refusal in a call and in a gas estimate alike", async () => {
    const { url } = await start(await workshop.folder())
    const { anchor } = await setupChain(url, OPTIONS)
    const data = encodeFunctionData({ abi: APPOINT_ABI, functionName: 'appointAuthority', args: [anchor] })
    const notGuardian = toFunctionSelector('AnchorNotGuardian(address,address)')
    for (const method of ['eth_call', 'eth_estimateGas']) {
      const params = [{ from: devAccount(4).address, to: anchor, data }, 'latest']
      const answer = await post(url, { jsonrpc: '2.0', id: 1, method, params })
      expect(answer, method).to.have.nested.property('error.code', 3)
      expect(answer, method)
        .to.have.nested.property('error.data')
        .that.matches(new RegExp(`^${notGuardian}`))
    }
  })

  it('turns its rounds, each opened by the keeper only after a gap', async () => {
    const { url } = await start(await workshop.folder())
    await setupChain(url, OPTIONS)
    const first = (await readWorld(url, 'roundsManager', 'currentRound')) as bigint
    for (const round of [first + 1n, first + 2n]) {
      await until(
        `round ${round} has begun`,
        async () => (await readWorld(url, 'roundsManager', 'currentRound')) === round,
      )
      await until('it is open', async () => (await readWorld(url, 'roundsManager', 'lastInitializedRound')) === round)
      const openBlock = await openedAt(url, round)
      const startBlock = Number(await readWorld(url, 'roundsManager', 'currentRoundStartBlock'))
      expect(openBlock - startBlock).to.be.within(KEEPER_LAG_BLOCKS, KEEPER_LAG_BLOCKS + 2)
    }
  })
})

async function openedAt(url: string, round: bigint): Promise<number> {
  const logs = (await callRpc(url, 'eth_getLogs', [
    { address: WORLD.roundsManager, fromBlock: '0x0', toBlock: 'latest' },
  ])) as {
    topics: Hex[]
    blockNumber: Hex
  }[]
  const found = logs.find(({ topics }) => topics[1] !== undefined && BigInt(topics[1]) === round)
  if (found === undefined) throw new Error(`expected a NewRound event of round ${round}`)
  return Number.parseInt(found.blockNumber, 16)
}

async function readWorld(
  url: string,
  contract: keyof typeof WORLD,
  name: string,
  args: readonly unknown[] = [],
): Promise<unknown> {
  return read(url, WORLD[contract], WORLD_ABI, name, args)
}

async function read(
  url: string,
  to: Hex,
  abi: readonly unknown[],
  name: string,
  args: readonly unknown[] = [],
): Promise<unknown> {
  const typed = { abi, functionName: name, args } as Parameters<typeof encodeFunctionData>[0]
  const data = (await callRpc(url, 'eth_call', [{ to, data: encodeFunctionData(typed) }, 'latest'])) as Hex
  return decodeFunctionResult({ abi: typed.abi, functionName: name, data } as Parameters<
    typeof decodeFunctionResult
  >[0])
}
