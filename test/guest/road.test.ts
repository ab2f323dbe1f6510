import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { main as audit, EXIT_CLEAN } from '../../auditor/main.ts'
import type { StatusResult } from '../../enclave/protocol/method-results.ts'
import { parseCheckpoint, parseNote } from '../../enclave/protocol/note.ts'
import { STAGES } from '../../queues/names.ts'
import { type Guest, startGuest } from '../../scripts/guest/guest.ts'
import { type Hybrid, openHybrid } from '../../scripts/guest/hybrid.ts'
import type { GuestTools } from '../../scripts/guest/tools.ts'
import { chainOf, ether, PAYEES, startWorld, TREASURY_WEI, until, type World } from '../e2e/pipeline-world.ts'
import { toolsOrSkip } from './tools-or-skip.ts'

const SUITE_MS_MAX = 900_000
const BOOT_MS_MAX = 240_000
const PAID_MS_MAX = 180_000
const PORT = 5_000
const ROUNDS = 5
const CREDIT = '0.01'
const WRAPPING_KEY = '/app/keys/wrapping.key'
const RUN = `cd /app
node enclave/development/main.ts --listen vsock://any:${PORT} --peer-cid 2 --wrapping-key ${WRAPPING_KEY}
`

describe('the road over AF_VSOCK, with the enclave in a guest', function () {
  this.timeout(SUITE_MS_MAX)
  const folder = mkdtempSync(join(tmpdir(), 'guest-road-'))
  const creditedWei = BigInt(ROUNDS * PAYEES) * ether(CREDIT)
  let world: World
  let guest: Guest
  let hybrid: Hybrid

  before(async function () {
    const tools = await toolsOrSkip(this)
    const path = join(folder, 'enclave.sock')
    world = await startWorld({ settings: { enclaveProcess: 'none', enclaveEndpoint: `unix://${path}` } })
    guest = await bootEnclave(tools, world)
    // Not earlier: a connection from before the guest listens leaves the device dead in that direction.
    await guest.line('"ready":true', BOOT_MS_MAX)
    hybrid = await openHybrid(path, guest.hybridPath, PORT)
    await world.start('supervisor')
    for (const stage of STAGES) await world.start(stage)
  })

  after(async () => {
    await world?.stop()
    await hybrid?.close()
    await guest?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('takes the enclave from cold to an open session', async () => {
    const status = await until('an active enclave', async () => activeOf(await world.status()), PAID_MS_MAX)
    expect(status.ledger?.epoch).to.equal(1)
  })

  it('turns credits into settled payouts, and takes exactly their sum out of the treasury', async () => {
    world.credit(ROUNDS, CREDIT)
    const { ledger } = await until(`${creditedWei} wei paid`, () => settled(world, creditedWei), PAID_MS_MAX)
    expect(ledger?.creditedWei).to.equal(creditedWei)
    expect((await chainOf(world).facts(world.authority)).treasuryWei).to.equal(TREASURY_WEI - creditedWei)
  })

  it('leaves a public log that the auditor finds clean', async () => {
    const { config, chain } = world
    const sequence = (await world.status())?.ledger?.sequence ?? 0
    const logSize = (await chainOf(world).landingOf(sequence))?.logSize ?? 0
    // Only what is final is published.
    await until('a log that covers the last commit', async () => publishedSize(world, logSize), PAID_MS_MAX)
    const said: string[] = []
    const say = (part: string) => void said.push(part)
    const where = ['--rpc', chain.url, '--anchor', config.anchor, '--log', config.paths.audit]
    const code = await audit([...where, '--journal', config.journal, '--json'], { out: say, err: say })
    expect(code, said.join('')).to.equal(EXIT_CLEAN)
    expect(BigInt(JSON.parse(said.join('')).ledger.paidWei)).to.equal(creditedWei)
  })
})

/** The guest gets the wrapping key under which the world's keys were made, and nothing else of this machine. */
function bootEnclave(tools: GuestTools, world: World): Promise<Guest> {
  const key = { path: WRAPPING_KEY, content: readFileSync(world.config.wrappingKey), mode: 'secret' } as const
  return startGuest({ tools, files: [key], run: RUN })
}

function publishedSize({ config }: World, sizeMin: number): number | undefined {
  try {
    const { size } = parseCheckpoint(parseNote(readFileSync(join(config.paths.audit, 'checkpoint'))).text)
    return size >= sizeMin ? size : undefined
  } catch {
    // None is published yet.
    return undefined
  }
}

function activeOf(status: StatusResult | undefined): StatusResult | undefined {
  return status?.phase === 'active' ? status : undefined
}

async function settled(world: World, creditedWei: bigint): Promise<StatusResult | undefined> {
  const status = await world.status()
  return status?.ledger?.paidWei === creditedWei && status.ledger.unlanded === null ? status : undefined
}
