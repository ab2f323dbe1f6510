import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { decodeFunctionResult, encodeFunctionData, type Hex, keccak256 } from 'viem'
import { type Address, type Hash, toHex } from '../../enclave/protocol/ids.ts'
import { wei, ZERO_WEI } from '../../enclave/protocol/money.ts'
import { auxData, recipientRandHash, type Ticket, ticketHash, WIN_PROB_ALWAYS } from '../../enclave/protocol/ticket.ts'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { BASE_FEE_WEI, CHAIN_ID } from '../../scripts/chain/evm.ts'
import { awaitReceipt, callRpc, readNonce } from '../../scripts/chain/rpc.ts'
import { fundGasFloat, setupChain } from '../../scripts/chain/setup.ts'
import { TICKET_BROKER_ABI, WORLD, WORLD_ABI } from '../../scripts/chain/world.ts'
import { ACCOUNT, batchData, fundData, KEY, redeemData, SIGNER, wireTicket } from '../unit/enclave/signer/a-signer.ts'
import { chainWorkshop } from './chain-harness.ts'
import { ask } from './signer-client.ts'
import { type SignerProcess, startDemonstration } from './signer-process.ts'

const ARTIFACT = 'artifacts/contracts/LedgerAnchor.sol/LedgerAnchor.json'
const ETHER_WEI = 10n ** 18n
const FACE_WEI = ETHER_WEI / 100n
/** Beyond 2^53: a client sends it as a bare integer. */
const DEPOSIT_WEI = ETHER_WEI / 10n + 1n
const RAND = 77n
const payees = [devAccount(12), devAccount(13)].map(({ address }) => address.toLowerCase() as Address)
const BROKER = WORLD.ticketBroker
const POLICY = [
  ...['--chain-id', `${CHAIN_ID}`, '--ticket-broker', BROKER],
  ...payees.flatMap((payee) => ['--allowed-recipient', payee]),
  ...['--max-face-value-wei', `${FACE_WEI}`, '--max-total-face-value-wei', `${2n * FACE_WEI}`],
  ...['--max-fund-deposit-wei', `${DEPOSIT_WEI}`],
]

describe('what a signer signs, on a chain with the broker', function () {
  this.timeout(180_000)
  const workshop = chainWorkshop()
  let url: string
  let signer: SignerProcess

  before(async function () {
    if (!existsSync(ARTIFACT)) {
      process.stdout.write(`    skipped: ${ARTIFACT} is not there; run "hardhat build" first\n`)
      this.skip()
    }
    ;({ url } = await workshop.start({ dataDir: await workshop.folder(), keeperLagBlocks: 1 }))
    const world = { guardian: devAccount(1).address, transcoders: payees, roundLengthBlocks: 5_000n }
    await setupChain(url, { ...world, treasuryWei: ZERO_WEI })
    await fundGasFloat(url, { authority: SIGNER, amountWei: wei(ETHER_WEI) })
    signer = await startDemonstration(POLICY, { SIGNER_PRIVATE_KEY: toHex(KEY) })
  })
  after(async () => {
    await signer?.stop()
    await workshop.clear()
  })

  it('funds the deposit and redeems tickets that it signed itself, one alone and two in a batch', async () => {
    await land(fundData(), { value: DEPOSIT_WEI })
    expect(await depositWei()).to.equal(DEPOSIT_WEI)

    const alone = await aRoundTicket(1n, 0)
    await land(redeemData(alone, await signatureOf(alone), RAND))
    expect(await isUsed(alone)).to.equal(true)
    expect(await depositWei()).to.equal(DEPOSIT_WEI - FACE_WEI)

    const two = [await aRoundTicket(2n, 0), await aRoundTicket(3n, 1)]
    const signatures = await Promise.all(two.map(signatureOf))
    await land(batchData(two, signatures, [RAND, RAND]), { gas: 2_000_000, legacy: true })
    expect(await Promise.all(two.map(isUsed))).to.deep.equal([true, true])
    expect(await depositWei()).to.equal(DEPOSIT_WEI - 3n * FACE_WEI)
  })

  it('leaves what it refused to sign without a way onto the chain', async () => {
    const before = await depositWei()
    const stranger = { ...(await aRoundTicket(9n, 0)), recipient: devAccount(14).address.toLowerCase() as Address }
    const params = { message_hash: ticketHash(stranger), ticket: wireTicket(stranger) }
    expect((await ask(signer.endpoint, 'sign_message_defunct', params)).error?.code).to.equal('SIGNER_POLICY')
    for (const functionName of ['unlock', 'withdraw'] as const) {
      const data = encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName })
      expect((await signed(data)).error?.code, functionName).to.equal('SIGNER_POLICY')
    }
    expect(await depositWei()).to.equal(before)
  })

  type Over = { readonly value?: bigint; readonly gas?: number; readonly legacy?: boolean }

  async function signed(data: Hex, { value = 0n, gas = 700_000, legacy = false }: Over = {}) {
    const nonce = await readNonce(url, ACCOUNT.address)
    const feeWei = Number(2n * BASE_FEE_WEI)
    const fees = legacy ? { gasPrice: feeWei } : { maxFeePerGas: feeWei, maxPriorityFeePerGas: 0 }
    const tx = { chainId: CHAIN_ID, nonce, gas, to: BROKER, value, data, ...fees }
    return ask(signer.endpoint, 'sign_transaction', { tx })
  }

  /** Signed, broadcast as it is, and mined with success. */
  async function land(data: Hex, over: Over = {}): Promise<void> {
    const { result, error } = await signed(data, over)
    const raw = result?.['raw_tx'] as Hex
    expect(error).to.equal(undefined)
    expect(await callRpc(url, 'eth_sendRawTransaction', [raw])).to.equal(keccak256(raw))
    await awaitReceipt(url, keccak256(raw))
  }

  async function signatureOf(ticket: Ticket): Promise<Hex> {
    const params = { message_hash: ticketHash(ticket), ticket: wireTicket(ticket) }
    return (await ask(signer.endpoint, 'sign_message_defunct', params)).result?.['signature'] as Hex
  }

  /** A ticket of the present round, as a payer makes it. */
  async function aRoundTicket(senderNonce: bigint, payee: number): Promise<Ticket> {
    const number = (await read(WORLD.roundsManager, WORLD_ABI, 'currentRound')) as bigint
    const hash = (await read(WORLD.roundsManager, WORLD_ABI, 'blockHashForRound', [number])) as Hash
    return {
      recipient: payees[payee] as Address,
      sender: SIGNER,
      faceValueWei: FACE_WEI,
      winProb: WIN_PROB_ALWAYS,
      senderNonce,
      recipientRandHash: recipientRandHash(RAND),
      auxData: auxData({ number: Number(number), hash }),
    }
  }

  async function isUsed(ticket: Ticket): Promise<unknown> {
    return read(BROKER, TICKET_BROKER_ABI, 'usedTickets', [ticketHash(ticket)])
  }

  async function depositWei(): Promise<bigint> {
    const [sender] = (await read(BROKER, TICKET_BROKER_ABI, 'getSenderInfo', [SIGNER])) as [{ deposit: bigint }]
    return sender.deposit
  }

  async function read(to: Hex, abi: readonly unknown[], functionName: string, args: readonly unknown[] = []) {
    const call = { abi, functionName, args } as Parameters<typeof encodeFunctionData>[0]
    const data = (await callRpc(url, 'eth_call', [{ to, data: encodeFunctionData(call) }, 'latest'])) as Hex
    return decodeFunctionResult({ ...call, data } as Parameters<typeof decodeFunctionResult>[0]) as unknown
  }
})
