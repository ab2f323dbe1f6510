import { readFile, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { concat, encodeFunctionData, type Hex, keccak256, parseEther, toHex, zeroAddress } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { TICKET_BROKER_ABI, WORLD } from '../../scripts/chain/world.ts'
import { openStage, payees, RULES, type Rules, type Stage } from './stage.ts'
import { addressOf, keyOf, type Payee, signTicket, ticketOf, word } from './wire.ts'

const TABLE_PATH = 'docs/GAS.md'
const FACE_WEI = parseEther('0.0123')
const RECIPIENTS = 20
const SIZES: readonly (readonly [count: number, recipients: number])[] = [
  [1, 1],
  [10, RECIPIENTS],
  [20, RECIPIENTS],
  [50, RECIPIENTS],
  [50, 1],
  [100, RECIPIENTS],
]
const ROUND_HASHES_SLOT = 7
const GAS_RATIO_MAX = 0.95
const CALLDATA_BYTES_PER_PAYOUT_MAX = 110

interface Row {
  readonly count: number
  readonly recipients: number
  readonly anchorGas: number
  readonly batchGas: number
  readonly calldataBytes: number
  readonly batchCalldataBytes: number
}

interface Measured {
  readonly rules: Rules
  readonly rows: readonly Row[]
  readonly single: { readonly firstGas: number; readonly laterGas: number }
  readonly other: Readonly<Record<string, number>>
}

function ticketsOf(count: number, recipients: number): Payee[] {
  return Array.from({ length: count }, (_, i) => ({
    recipient: payees[i % recipients] ?? zeroAddress,
    amountWei: FACE_WEI,
  }))
}

const bytesOf = (data: Hex) => (data.length - 2) / 2
const perPayout = (gas: number, count: number) => (gas / count / 1000).toFixed(1)

/** Each measurement starts from the same chain: 20 recipients were paid in this round, nothing else happened. */
async function measure(rules: Rules): Promise<Measured> {
  const stage = await openStage({ rules })
  await fixRoundHash(stage)
  const fresh = await stage.tester.takeSnapshot()
  const firstUse = await firstUseGas(stage)
  await fresh.restore()
  const single = await singleGas(stage)
  await fresh.restore()
  await stage.pay({ tickets: ticketsOf(RECIPIENTS, RECIPIENTS) })
  const paid = await stage.tester.takeSnapshot()
  const rows: Row[] = []
  for (const [count, recipients] of SIZES) {
    const anchor = await anchorGas(stage, count, recipients)
    await paid.restore()
    rows.push({
      count,
      recipients: Math.min(count, recipients),
      ...anchor,
      ...(await batchGas(stage, count, recipients)),
    })
    await paid.restore()
  }
  return { rules, rows, single, other: { ...firstUse, ...(await otherGas(stage, paid)) } }
}

/** A round hash of its own in each run would change the count of zero bytes, and with it the gas of the calldata. */
async function fixRoundHash(stage: Stage): Promise<void> {
  const { round } = await stage.roundFields()
  const slot = keccak256(concat([word(round), word(ROUND_HASHES_SLOT)]))
  await stage.tester.setStorageAt(WORLD.roundsManager, slot, keccak256(toHex('a round hash')))
}

async function anchorGas(stage: Stage, count: number, recipients: number) {
  const options = { tickets: ticketsOf(count, recipients), firstPayoutId: 1_000n }
  const { receipt, args } = await stage.pay(options)
  const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'commitAndPay', args })
  return { anchorGas: Number(receipt.gasUsed), calldataBytes: bytesOf(data) }
}

/** The same tickets through the broker's own batch call, out of a deposit funded before and not counted here. */
async function batchGas(stage: Stage, count: number, recipients: number) {
  const options = { tickets: ticketsOf(count, recipients), firstPayoutId: 1_000n }
  const { tickets } = await stage.aPayment(options)
  const sumWei = FACE_WEI * BigInt(count)
  await stage.broker.write.fundDepositAndReserveFor([stage.authority.address, sumWei, 0n], { value: sumWei })
  const args = [tickets.map((t) => t.ticket), tickets.map((t) => t.full), tickets.map((t) => t.recipientRand)] as const
  const data = encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'batchRedeemWinningTickets', args })
  const hash = await stage.relayer.sendTransaction({ to: WORLD.ticketBroker, data, gas: 30_000_000n })
  const { gasUsed } = await stage.mined(hash)
  expect(await stage.depositWei()).to.equal(0n)
  return { batchGas: Number(gasUsed), batchCalldataBytes: bytesOf(data) }
}

async function singleGas(stage: Stage) {
  const funds = parseEther('1')
  await stage.broker.write.fundDepositAndReserveFor([stage.authority.address, funds, 0n], { value: funds })
  const redeem = async (payoutId: bigint) => {
    const { address: session } = keyOf('session 1')
    const payee = { recipient: payees[0] ?? zeroAddress, amountWei: FACE_WEI }
    const made = ticketOf({ sender: stage.authority.address, session, payee, payoutId, ...(await stage.roundFields()) })
    const { full } = await signTicket(stage.authority, made.ticket)
    const args = [made.ticket, full, made.recipientRand] as const
    const { gasUsed } = await stage.mined(await stage.broker.write.redeemWinningTicket(args, { gas: 2_000_000n }))
    return Number(gasUsed)
  }
  return { firstGas: await redeem(1n), laterGas: await redeem(2n) }
}

async function landGas(stage: Stage) {
  const commit = await stage.aCommit()
  const receipt = await stage.mined(await stage.anchor.write.commit([commit, await stage.signCommit(commit)]))
  return Number(receipt.gasUsed)
}

async function firstUseGas(stage: Stage) {
  return { 'commit, the first': await landGas(stage), commit: await landGas(stage) }
}

async function otherGas(stage: Stage, paid: { restore(): Promise<void> }) {
  const openGas = Number((await stage.open(keyOf('session 2'))).gasUsed)
  await paid.restore()
  const tickets = ticketsOf(50, RECIPIENTS)
  tickets[17] = { recipient: addressOf('nobody bonded'), amountWei: FACE_WEI }
  const skipped = await stage.pay({ tickets, skip: 1n << 17n, firstPayoutId: 1_000n })
  await paid.restore()
  const transfers = await transfersGas(stage)
  await paid.restore()
  const deployed = await stage.publicClient.getCode({ address: stage.anchor.address })
  return {
    openSession: openGas,
    '50 tickets to 20, one of them skipped': Number(skipped.receipt.gasUsed),
    '50 transfers to accounts that exist': transfers.gas,
    'bytes of calldata of those 50 transfers': transfers.calldataBytes,
    'bytes of the deployed code': bytesOf(deployed ?? '0x'),
  }
}

async function transfersGas(stage: Stage) {
  const transfers = Array.from({ length: 50 }, (_, i) => ({
    recipient: addressOf(`account ${i}`),
    amountWei: FACE_WEI,
  }))
  for (const { recipient } of transfers) await stage.tester.setBalance(recipient, 1n)
  const { receipt, args } = await stage.pay({ transfers, firstPayoutId: 1_000n })
  const data = encodeFunctionData({ abi: ANCHOR_ABI, functionName: 'commitAndPay', args })
  return { gas: Number(receipt.gasUsed), calldataBytes: bytesOf(data) }
}

/** The page as it must stand in docs/. */
function renderTable(all: readonly Measured[]): string {
  return `# Gas

What a payout through the anchor costs beside the broker's own batch call, on the embedded chain with the stand-in
contracts of \`contracts/testing\`. EVM gas of whole transactions; Arbitrum adds its price for calldata. Written by
\`test/contracts/gas.test.ts\`, which measures anew and fails when this page differs; \`UPDATE_GAS_TABLE=1\` rewrites it.

The recipients were paid once before in the round. The batch draws on a deposit that an earlier transaction funded; that
transaction is not counted, while \`commitAndPay\` funds, pays, checks and moves the head in one.
${all.map(renderRules).join('')}`
}

function renderRules({ rules, rows, single, other }: Measured): string {
  const lines = rows.map((row) => {
    const ratio = (row.anchorGas / row.batchGas).toFixed(3)
    const bytes = (gas: number) => (gas / row.count).toFixed(1)
    const cells = [
      row.count,
      row.recipients,
      perPayout(row.anchorGas, row.count),
      perPayout(row.batchGas, row.count),
      ratio,
      bytes(row.calldataBytes),
      bytes(row.batchCalldataBytes),
    ]
    return `| ${cells.join(' | ')} |`
  })
  const more = Object.entries(other).map(([name, value]) => `| ${name} | ${value.toLocaleString('en-US')} |`)
  return `
## Broker rules ${rules}

| tickets | recipients | commitAndPay, thousand gas each | batch, thousand gas each | ratio | calldata bytes each | batch |
|---|---|---|---|---|---|---|
${lines.join('\n')}

| call | gas |
|---|---|
| one redemption, the recipient's first of the round (deployed contracts: 292,600) | ${single.firstGas.toLocaleString('en-US')} |
| one redemption, a later one (deployed contracts: 198,300 to 215,400) | ${single.laterGas.toLocaleString('en-US')} |
${more.join('\n')}
`
}

describe('gas', () => {
  const measured: Measured[] = []

  before(async () => {
    for (const rules of RULES) measured.push(await measure(rules))
  })

  it('of fifty protected payouts stays below that of the unprotected batch', () => {
    for (const { rows } of measured) {
      for (const { anchorGas: gas, batchGas: batch } of rows.filter(({ count }) => count === 50)) {
        expect(gas / batch).to.be.at.most(GAS_RATIO_MAX)
      }
    }
  })

  it('is lower than the batch’s from twenty payouts on', () => {
    for (const { rows } of measured) {
      for (const row of rows.filter(({ count }) => count >= 20)) expect(row.anchorGas).to.be.below(row.batchGas)
    }
  })

  it('comes with at most 110 bytes of calldata for each of fifty payouts', () => {
    for (const { rows } of measured) {
      for (const { count, calldataBytes } of rows.filter((row) => row.count === 50)) {
        expect(calldataBytes / count).to.be.at.most(CALLDATA_BYTES_PER_PAYOUT_MAX)
      }
    }
  })

  it('of one redemption in the stand-in world lies within 5 % of the deployed contracts’', () => {
    for (const { single } of measured) {
      expect(single.firstGas).to.be.within(292_600 * 0.95, 292_600 * 1.05)
      expect(single.laterGas).to.be.within(198_300 * 0.95, 215_400 * 1.05)
    }
  })

  it('stands in docs/GAS.md as measured here', async () => {
    const table = renderTable(measured)
    if (process.env['UPDATE_GAS_TABLE'] === '1') await writeFile(TABLE_PATH, table)
    expect(await readFile(TABLE_PATH, 'utf8')).to.equal(table)
  })
})
