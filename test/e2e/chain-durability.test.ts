import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { type ErrorCode, isCoded } from '../../enclave/protocol/errors.ts'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { Chain } from '../../scripts/chain/chain.ts'
import { copyChain } from '../../scripts/chain/copy.ts'
import { openEvm } from '../../scripts/chain/evm.ts'
import { LOG_FILE, openLog, parseLog, readLog } from '../../scripts/chain/log-file.ts'
import { RUN_BLOCKS_MAX } from '../../scripts/chain/records.ts'
import { callRpc } from '../../scripts/chain/rpc.ts'
import {
  aTransfer,
  balanceOf,
  chainWorkshop,
  hashesUpTo,
  heightOf,
  isRunning,
  killHard,
  OTHER,
  PAYEE,
  sendMined,
  until,
} from './chain-harness.ts'

const START = fileURLToPath(new URL('../../scripts/chain/start.ts', import.meta.url))
const REPLAY_BLOCKS = 2_000

describe('embedded chain: durability', function () {
  this.timeout(300_000)
  const workshop = chainWorkshop()
  afterEach(() => workshop.clear())

  it('shows the same hash at every height and the same balances after kill -9', async () => {
    const dataDir = await workshop.folder()
    const before = await workshop.start({ dataDir })
    for (let nonce = 0; nonce < 3; nonce++) await sendMined(before.url, await aTransfer({ nonce, value: 7n }))
    await until('some empty blocks follow', async () => (await heightOf(before.url)) > 15)
    await sendMined(before.url, await aTransfer({ from: 6, nonce: 0, to: OTHER }))
    const height = await heightOf(before.url)
    const hashes = await hashesUpTo(before.url, height)
    await killHard(before)

    const after = await workshop.start({ dataDir })
    expect(after.blockNumberAtStart).to.be.within(height, height + RUN_BLOCKS_MAX)
    expect(await hashesUpTo(after.url, height)).to.deep.equal(hashes)
    expect(await balanceOf(after.url, PAYEE)).to.equal(21n)
    expect(await balanceOf(after.url, OTHER)).to.equal(1n)
  })

  it('loses no block that a client saw, however the kills fall', async () => {
    const dataDir = await workshop.folder()
    let seen: string[] = []
    for (let round = 0; round < 4; round++) {
      const chain = await workshop.start({ dataDir, blockMs: 10 + 7 * round })
      expect((await hashesUpTo(chain.url, seen.length - 1)).slice(0, seen.length)).to.deep.equal(seen)
      await callRpc(chain.url, 'eth_sendRawTransaction', [await aTransfer({ nonce: round })])
      const goal = chain.blockNumberAtStart + 3 + round
      await until('blocks were seen', async () => (await heightOf(chain.url)) >= goal)
      seen = await hashesUpTo(chain.url, await heightOf(chain.url))
      await killHard(chain)
    }
  })

  it('gives blocks that no question of a client can change', async () => {
    const dataDir = await workshop.folder()
    const before = await workshop.start({ dataDir, blockMs: 20 })
    const from = `0x${'11'.repeat(20)}`
    for (let asked = 0; asked < 20; asked++) {
      await callRpc(before.url, 'eth_getBlockByNumber', ['pending', true])
      await callRpc(before.url, 'eth_call', [{ from, to: PAYEE }, 'pending'])
      await callRpc(before.url, 'eth_estimateGas', [{ from, to: PAYEE }])
      await callRpc(before.url, 'eth_getBalance', [PAYEE, 'pending'])
    }
    const hashes = await hashesUpTo(before.url, await heightOf(before.url))
    await killHard(before)
    const after = await workshop.start({ dataDir, blockMs: 20 })
    expect(await hashesUpTo(after.url, hashes.length - 1)).to.deep.equal(hashes)
  })

  it('keeps what was set by hand, in order with the transactions around it', async () => {
    const dataDir = await workshop.folder()
    const before = await workshop.start({ dataDir, blockMs: 1_000 })
    const poor = devAccount(7).address
    // Accepted while its sender is rich; replayed after the change it would be refused.
    await callRpc(before.url, 'eth_sendRawTransaction', [await aTransfer({ from: 7, nonce: 0 })])
    await callRpc(before.url, 'anvil_setCode', [OTHER, '0x60015f5260205ff3'])
    await callRpc(before.url, 'hardhat_setBalance', [poor, '0x0'])
    await sendMined(before.url, await aTransfer({ nonce: 0 }))
    const hashes = await hashesUpTo(before.url, await heightOf(before.url))
    await killHard(before)
    const after = await workshop.start({ dataDir })
    expect(await hashesUpTo(after.url, hashes.length - 1)).to.deep.equal(hashes)
    expect(await callRpc(after.url, 'eth_getCode', [OTHER, 'latest'])).to.equal('0x60015f5260205ff3')
    expect(await balanceOf(after.url, poor)).to.equal(0n)
  })

  it('goes on at the very next height after an orderly stop', async () => {
    const dataDir = await workshop.folder()
    const before = await workshop.start({ dataDir })
    await until('a run is half mined', async () => (await heightOf(before.url)) % RUN_BLOCKS_MAX === 3)
    await before.stop()
    const after = await workshop.start({ dataDir })
    expect(after.blockNumberAtStart % RUN_BLOCKS_MAX).to.be.within(3, 5)
  })

  it('drops a torn last record and nothing else', async () => {
    const dataDir = await workshop.folder()
    const before = await workshop.start({ dataDir })
    const receipt = await sendMined(before.url, await aTransfer({ nonce: 0 }))
    await before.stop()
    await appendFile(join(dataDir, LOG_FILE), '240 0123456789abcdef {"kind":"block","blockNum')
    const after = await workshop.start({ dataDir })
    const height = Number.parseInt(receipt.blockNumber, 16)
    expect((await hashesUpTo(after.url, height))[height]).to.equal(receipt.blockHash)
  })

  it('refuses a log with one flipped byte and names the record', async () => {
    const dataDir = await workshop.folder()
    const before = await workshop.start({ dataDir })
    await sendMined(before.url, await aTransfer({ nonce: 0 }))
    await before.stop()
    const path = join(dataDir, LOG_FILE)
    const bytes = await readFile(path)
    bytes[bytes.indexOf('"kind":"run"') + 20] = 0x37
    await writeFile(path, bytes)
    const refusal = await refused(workshop.start({ dataDir }), 'CONFIG_INVALID')
    expect(refusal).to.match(/record \d+ is damaged/)
  })

  it('refuses a flip of any byte, and takes a cut at any byte for a torn record', async () => {
    const dataDir = await workshop.folder()
    const chain = await workshop.start({ dataDir })
    await sendMined(chain.url, await aTransfer({ nonce: 0 }))
    await chain.stop()
    const bytes = await readFile(join(dataDir, LOG_FILE))
    const whole = parseLog(bytes).records.length
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      expect(() => parseLog(flipped), `byte ${at}`)
        .to.throw()
        .with.property('code', 'CONFIG_INVALID')
      expect(parseLog(bytes.subarray(0, at)).records.length, `cut at ${at}`).to.be.below(whole)
    }
  })

  it('refuses a second process on the same folder, and takes over from a dead one at once', async () => {
    const dataDir = await workshop.folder()
    const first = await workshop.start({ dataDir })
    await refused(workshop.start({ dataDir }), 'DATA_LOCKED')
    await killHard(first)
    const second = await workshop.start({ dataDir })
    expect(await heightOf(second.url)).to.be.at.least(0)
  })

  it('ends when its parent is killed', async () => {
    const dataDir = await workshop.folder()
    const words = `const { startChain } = await import(${JSON.stringify(START)})
      console.log((await startChain({ dataDir: ${JSON.stringify(dataDir)} })).pid)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
    const pid = Number.parseInt(line, 10)
    expect(isRunning(pid)).to.equal(true)
    parent.kill('SIGKILL')
    await until('the chain has ended too', () => !isRunning(pid))
  })

  it('copies a running chain, and the two go their own ways from there', async () => {
    const [from, to] = [await workshop.folder(), await workshop.folder()]
    const original = await workshop.start({ dataDir: from })
    const shared = await sendMined(original.url, await aTransfer({ nonce: 0 }))
    await copyChain(from, to)
    const copy = await workshop.start({ dataDir: to })
    await sendMined(original.url, await aTransfer({ nonce: 1, value: 100n }))
    await sendMined(copy.url, await aTransfer({ nonce: 1, value: 5n }))
    const height = Number.parseInt(shared.blockNumber, 16)
    expect(await hashesUpTo(copy.url, height)).to.deep.equal(await hashesUpTo(original.url, height))
    expect(await balanceOf(original.url, PAYEE)).to.equal(101n)
    expect(await balanceOf(copy.url, PAYEE)).to.equal(6n)
    await refused(copyChain(from, to), 'CONFIG_INVALID')
  })

  it('mines nothing more once its log cannot be written', async () => {
    const dataDir = await workshop.folder()
    const contents = await readLog(dataDir)
    const evm = await openEvm()
    const log = await openLog(dataDir, contents)
    const chain = new Chain(evm, log, { blockMs: 250, faults: undefined })
    await chain.start(contents, Date.now())
    await chain.tick(Date.now())
    const { tip } = evm
    await log.close()
    const failed = (act: Promise<unknown>) =>
      act.then(
        () => false,
        () => true,
      )
    expect(await failed(chain.cheat('hardhat_setBalance', [PAYEE, '0x1'])), 'a change by hand').to.equal(true)
    expect(await failed(chain.tick(Date.now())), 'the rest of a run').to.equal(true)
    expect(await failed(chain.tick(Date.now())), 'another block').to.equal(true)
    expect(evm.tip).to.deep.equal(tip)
    await evm.close()
  })

  it(`comes back to its tip through ${REPLAY_BLOCKS} blocks, and says how long that took`, async () => {
    const dataDir = await workshop.folder()
    const tip = await growChain(dataDir, REPLAY_BLOCKS)
    const evm = await openEvm()
    const contents = await readLog(dataDir)
    const log = await openLog(dataDir, contents)
    const chain = new Chain(evm, log, { blockMs: 250, faults: undefined })
    const startedAtMs = performance.now()
    await chain.start(contents, Date.now())
    const tookMs = performance.now() - startedAtMs
    process.stdout.write(
      `      replay: ${REPLAY_BLOCKS} blocks in ${tookMs.toFixed(0)} ms, log ${contents.bytes} bytes\n`,
    )
    expect(evm.tip).to.deep.equal(tip)
    await chain.stop()
  })
})

/** A log of `blocks` blocks, one in a hundred with a transaction; returns its tip. */
async function growChain(dataDir: string, blocks: number) {
  const TRANSACTION_EVERY_BLOCKS = 100
  const contents = await readLog(dataDir)
  const evm = await openEvm()
  const chain = new Chain(evm, await openLog(dataDir, contents), { blockMs: 250, faults: undefined })
  await chain.start(contents, Date.now())
  for (let block = 0; block < blocks; block++) {
    if (block % TRANSACTION_EVERY_BLOCKS === 0)
      await chain.submit(await aTransfer({ nonce: block / TRANSACTION_EVERY_BLOCKS }))
    await chain.tick(1_800_000_000_000 + block * 250)
  }
  const tip = evm.tip
  await chain.stop()
  return tip
}

async function refused(act: Promise<unknown>, code: ErrorCode): Promise<string> {
  const error = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(isCoded(error, code), `expected ${code}, got ${String(error)}`).to.equal(true)
  return (error as Error).message
}
