import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { encodeFunctionData } from 'viem'
import { genesisHash } from '../../enclave/protocol/configuration.ts'
import { ZERO_HASH } from '../../enclave/protocol/ids.ts'
import { openOutbox } from '../../host/outbox.ts'
import { devAccount } from '../../scripts/chain/accounts.ts'
import { awaitReceipt, sendTransaction } from '../../scripts/chain/rpc.ts'
import { TICKET_BROKER_ABI, WORLD } from '../../scripts/chain/world.ts'
import { aPolicy } from '../builders/boot.ts'
import { anchorhold, answerOf, typed, type Value } from './cli-run.ts'
import { creditLine } from './old-host.ts'
import { ether, startWorld, until, type World } from './pipeline-world.ts'

const WORLD_MS_MAX = 300_000
const PAUSE_SEEN_MS = 3_000
const SETTLED_MS_MAX = 120_000
const NO_BLOCK_YET = 2 ** 40
/** Each with one thing wrong. */
const WRONG = [
  ['dance'],
  ['status', '--loud'],
  ['pause', 'lunch'],
  ['payout'],
  ['worker'],
  ['worker', '--stage', 'nap'],
  ['provision'],
  ['drain', '--timeout-seconds', '0'],
]
const COMMANDS = [
  'start enclave provision worker api bridge signer status lag doctor balance payout config pause resume drain ring halt',
  'commit session anchor audit import report admin register change-recipient rebuild rotate guardian prove-balance',
  'verify-balance relay journal attest kms',
].flatMap((line) => line.split(' '))
const DONOR = 4
const STAGES = ['ingest', 'prepare', 'broadcast', 'confirm'] as const

/** Amounts as decimal text. */
function plainJson(value: object): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner))
}

describe('The command line', function () {
  this.timeout(WORLD_MS_MAX)

  describe('without a ledger', () => {
    it('answers each word that it does not know by one line and exit code 2', async () => {
      for (const words of WRONG) {
        const { code, out, err } = await typed(words)
        expect([code, out, err.trimEnd().split('\n').length], words.join(' ')).to.deep.equal([2, '', 1])
        expect(err).to.contain('anchorhold --help')
      }
      expect((await anchorhold(['dance'])).code).to.equal(2)
    })

    it('lists its exit codes and every command in its help', async () => {
      const { code, out } = await anchorhold(['--help'])
      expect(code).to.equal(0)
      for (const name of [...COMMANDS, 'Exit codes: 0']) expect(out).to.contain(name)
    })

    it('refuses a folder without a ledger by its code, in words and as JSON', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'cli-'))
      const { code, err } = await anchorhold(['status', '--data', folder])
      expect([code, err.startsWith('CONFIG_INVALID: ')]).to.deep.equal([1, true])
      const { value } = await answerOf(['status', '--data', folder])
      expect([value.format, value.code]).to.deep.equal(['anchorhold-error/1', 'CONFIG_INVALID'])
      expect((await answerOf(['config', 'check'], { ...process.env, ANCHORHOLD_DATA: folder })).value.code).to.equal(
        'CONFIG_INVALID',
      )
      rmSync(folder, { recursive: true })
    })

    it('imports a journal and prints the sum to approve', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'cli-'))
      const put = (name: string, text: string) => {
        writeFileSync(join(folder, name), text)
        return join(folder, name)
      }
      const policy = put('policy.json', plainJson(aPolicy()))
      const journal = put('old.log', creditLine('orch-a', '1.5', '1.5'))
      const words = ['import', '--journal', journal, '--policy', policy, '--out', join(folder, 'genesis.json')]
      expect((await answerOf(words)).value.code).to.equal('CONFIG_INVALID')
      expect(existsSync(join(folder, 'genesis.json'))).to.equal(false)
      const { code, value } = await answerOf([...words, '--nothing-pending'])
      expect([code, value.sumWei, value.start.lines]).to.deep.equal([0, '1500000000000000000', 1])
      rmSync(folder, { recursive: true })
    })

    it('finds files that belong together before there are keys, and names the one that does not', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'cli-'))
      const genesis = { policy: JSON.parse(plainJson(aPolicy())), roster: [], openings: [] }
      const place = { chainId: 42_161, anchor: `0x${'11'.repeat(20)}` }
      const people = { broker: `0x${'22'.repeat(20)}`, guardian: `0x${'33'.repeat(20)}`, role: 'core' }
      const write = (name: string, content: object) => writeFileSync(join(folder, name), JSON.stringify(content))
      write('genesis.json', genesis)
      write('host.json', { ...place, rpcUrls: ['http://127.0.0.1:1'], enclaveEndpoint: `unix://${folder}/e.sock` })
      const judged = async (configuration: object) => {
        write('enclave.json', configuration)
        const { code, out } = await typed(['config', 'check', '--data', folder, '--json'])
        const { checks } = JSON.parse(out) as { checks: { name: string; verdict: string }[] }
        return [code, ...checks.map(({ name, verdict }) => `${name} ${verdict}`)]
      }
      const start = { roster: [], openings: [], journalSize: 0, journalHead: ZERO_HASH }
      const honest = { ...place, ...people, genesisHash: genesisHash({ policy: aPolicy(), ...start }) }
      const others = ['settings ok', 'genesis ok', 'keys warn']
      expect(await judged(honest)).to.deep.equal([0, ...others.toSpliced(2, 0, 'enclave configuration ok')])
      for (const over of [{ genesisHash: ZERO_HASH }, { chainId: 1 }, { anchor: people.broker }])
        expect(await judged({ ...honest, ...over })).to.deep.equal([
          1,
          ...others.toSpliced(2, 0, 'enclave configuration fail'),
        ])
      rmSync(folder, { recursive: true })
    })
  })

  describe('on a ledger that runs', () => {
    let world: World
    /** What doctor said of the authority before there was a ledger: unused, and with a deposit. */
    const past: string[] = []
    const ask = async (...words: string[]): Promise<Value> => {
      const { code, value } = await answerOf([...words, '--data', world.dataDir])
      return { code, ...value }
    }
    const authorityCheck = async (): Promise<string> =>
      (await ask('doctor')).checks.find(({ name }: Value) => name === 'authority').verdict
    /** While host.json says that no event of the anchor is older than this block. */
    const startingAt = async (fromBlock: number, act: () => Promise<unknown>): Promise<void> => {
      const before = readFileSync(world.config.paths.config, 'utf8')
      writeFileSync(world.config.paths.config, JSON.stringify({ ...JSON.parse(before), fromBlock }))
      await act()
      writeFileSync(world.config.paths.config, before)
    }
    const atRest = (sequence: number) =>
      until(
        `sequence ${sequence} is settled and nothing is on its way`,
        async () => {
          const ledger = (await world.status())?.ledger
          const open = (await openOutbox(world.config.paths).open()).length
          return ledger !== undefined && ledger.sequence >= sequence && ledger.unlanded === null && open === 0
            ? ledger
            : undefined
        },
        SETTLED_MS_MAX,
      )

    before(async function () {
      this.timeout(WORLD_MS_MAX)
      world = await startWorld()
      past.push(await authorityCheck())
      await donate(world)
      past.push(await authorityCheck())
      await world.start('supervisor')
      for (const stage of STAGES) await world.start(stage)
      world.credit(1, '0.25')
      // The first header may land before the credits are read, and without a payout.
      const isPaid = async () => ((await world.status())?.ledger?.paidWei === ether('0.75') ? true : undefined)
      await until('the credits are paid', isPaid, SETTLED_MS_MAX)
      await atRest(1)
    })
    after(async () => world?.stop())

    it('warns before genesis of an authority that was used at the broker', () => {
      expect(past).to.deep.equal(['ok', 'fail'])
    })

    it('shows what each purse holds and how to fund it', async () => {
      const status = await ask('status')
      expect([status.format, status.enclave.phase, status.agrees]).to.deep.equal([
        'anchorhold-status/1',
        'active',
        true,
      ])
      expect([status.ledger.paidWei, status.anchor.treasuryWei]).to.deep.equal([
        '750000000000000000',
        '9250000000000000000',
      ])
      const { out } = await anchorhold(['status', '--data', world.dataDir])
      expect(out).to.contain(`send ether to ${world.config.anchor}`).and.to.contain(`send ether to ${world.authority}`)
    })

    it('tells a payout by its id, its sequence and its hash, and no other', async () => {
      const byId = await ask('payout', 'show', '1')
      const [commit] = byId.commits
      expect([byId.code, commit.state, commit.payouts.length, commit.payouts[0].outcome]).to.deep.equal([
        0,
        'settled',
        1,
        'paid',
      ])
      for (const name of [`#${commit.sequence}`, commit.landed.hash, commit.header]) {
        const other = await ask('payout', 'show', name)
        expect([other.code, other.commits[0].header], name).to.deep.equal([0, commit.header])
        expect(other.commits[0].payouts.length).to.equal(3)
      }
      for (const name of ['999', '#999', `0x${'ab'.repeat(32)}`])
        expect((await ask('payout', 'show', name)).code).to.equal(1)
      expect((await ask('payout', 'show', 'x')).code).to.equal('CONFIG_INVALID')
    })

    it('tells one balance, and refuses an id that nobody has', async () => {
      const { balance_wei, paid_wei } = await ask('balance', 'orch-0')
      expect([balance_wei, paid_wei]).to.deep.equal(['0', '250000000000000000'])
      expect((await ask('balance', 'nobody')).code).to.equal('ACCOUNT_UNKNOWN')
    })

    it('finds the folder well, and each file that does not belong', async () => {
      expect((await ask('config', 'check')).verdict).to.equal('ok')
      const path = join(world.dataDir, 'enclave.json')
      const before = readFileSync(path, 'utf8')
      writeFileSync(path, before.replace(/"genesisHash":"0x../, '"genesisHash":"0x00'))
      expect((await ask('config', 'check')).code).to.equal(1)
      writeFileSync(path, before)
      const { checks } = await ask('doctor')
      const failed = checks.filter(({ verdict }: Value) => verdict === 'fail')
      expect(failed).to.deep.equal([])
      const names = checks.map(({ name }: Value) => name)
      expect(names).to.include.members([
        'node',
        'disk',
        'redis',
        'redis policy',
        'endpoint 1',
        'endpoint 1 clock',
        'broker',
        'broker rules',
        'round',
        'authority',
        'treasury',
      ])
    })

    it('anchors on demand no sooner than policy allows', async () => {
      await atRest(1)
      expect((await ask('anchor', 'now')).code).to.equal('CADENCE_EARLY')
    })

    it('finds enclave, chain, public log and auditor of one mind, and a changed log or a block too late not', async () => {
      await atRest(1)
      expect((await ask('anchor', 'verify')).verdict).to.equal('ok')
      expect(await ask('audit', 'verify')).to.include({ code: 0, verdict: 'clean' })
      await startingAt(NO_BLOCK_YET, async () => expect((await ask('audit', 'verify')).code).to.equal(1))
      const path = join(world.config.paths.audit, 'size.json')
      const before = readFileSync(path, 'utf8')
      writeFileSync(path, before.replace(/"root":"0x../, '"root":"0x00'))
      expect(await ask('anchor', 'verify')).to.include({ code: 1, verdict: 'fail' })
      writeFileSync(path, before)
    })

    it('refuses to bump a commit that is not there, and to open a session beside the open one', async () => {
      await atRest(1)
      expect(await ask('commit', 'bump')).to.include({ code: 'NO_UNLANDED_COMMIT' })
      expect(await ask('session', 'open')).to.include({ code: 'PHASE_FORBIDS' })
    })

    it('pauses a stage against the loss of Redis, and lets it go on', async () => {
      await ask('pause', 'ingest', '--reason', 'a look')
      await flush(world.redis.url)
      world.credit(1, '0.25')
      expect((await ask('ring')).rung).to.equal(true)
      const { flags } = await ask('status')
      expect(flags.map(({ stage, code, reason }: Value) => [stage, code, reason])).to.deep.equal([
        ['ingest', 'PAUSED', 'a look'],
      ])
      expect((await ask('lag')).journal.lines).to.equal(3)
      await ask('resume', 'ingest')
      await until(
        'the lines are read',
        async () => ((await world.status())?.ledger?.journalSize === 6 ? true : undefined),
        SETTLED_MS_MAX,
      )
    })

    it('signs a commit that is stuck again at a higher fee, and one of the two lands', async () => {
      const { sequence } = await atRest(1)
      await ask('pause', 'broadcast')
      // A run that began before the pause ends, and what it sent settles: from here on a commit stays where it is.
      await sleep(PAUSE_SEEN_MS)
      world.credit(1, '0.25')
      await until('a commit may be sent', () => liveCommit(world), SETTLED_MS_MAX)
      const bumped = await ask('commit', 'bump')
      expect([bumped.code, bumped.kind]).to.deep.equal([0, 'ready'])
      const { commits } = await ask('payout', 'show', bumped.hash)
      const fees = commits[0].attempts.map(({ maxFeeWei }: Value) => BigInt(maxFeeWei))
      expect(fees.length).to.be.greaterThan(1)
      expect(fees.at(-1) > fees[0]).to.equal(true)
      await ask('resume', 'broadcast')
      await atRest(sequence + 1)
    })

    it('drains until nothing is on its way', async () => {
      expect(await ask('drain', '--timeout-seconds', '60')).to.include({
        code: 0,
        drained: true,
        unlanded: null,
        calls: 0,
      })
      for (const stage of ['ingest', 'prepare']) await ask('resume', stage)
    })

    it('draws no keys over those that are there', async () => {
      const before = readFileSync(world.config.paths.keyFile)
      expect(await ask('provision', '--generate')).to.include({ code: 'CONFIG_INVALID' })
      expect(readFileSync(world.config.paths.keyFile)).to.deep.equal(before)
    })

    it('halts a boot, and the next one opens a session of its own', async () => {
      const before = (await world.status())?.session
      expect((await ask('halt', '--reason', 'a test')).phase).to.equal('halted')
      await until(
        'another session is active',
        async () => {
          const status = await world.status()
          return status?.phase === 'active' && status.session !== before ? true : undefined
        },
        SETTLED_MS_MAX,
      )
    })

    it('keeps every command that changed something in the operators’ log, with who gave it', () => {
      const lines = readFileSync(join(world.config.paths.control, 'operators.log'), 'utf8').trimEnd().split('\n')
      const commands = lines
        .map((line) => JSON.parse(line))
        .filter(({ by }) => typeof by === 'string')
        .map(({ action }) => action)
      expect(commands).to.deep.equal([
        'anchor now',
        'pause',
        'ring',
        'resume',
        'pause',
        'commit bump',
        'resume',
        'drain',
        'resume',
        'resume',
        'halt',
      ])
    })
  })
})

/** Everything that Redis knows is gone at once. */
async function flush(url: string): Promise<void> {
  const redis = new Redis(url)
  await redis.flushall()
  redis.disconnect()
}

/** Somebody funds the authority's deposit at the broker, as anybody may. */
async function donate({ chain, authority }: World): Promise<void> {
  const args = [authority, 1n, 0n] as const
  const data = encodeFunctionData({ abi: TICKET_BROKER_ABI, functionName: 'fundDepositAndReserveFor', args })
  const hash = await sendTransaction(chain.url, devAccount(DONOR), {
    to: WORLD.ticketBroker,
    data,
    value: 1n,
    gas: 500_000n,
  })
  await awaitReceipt(chain.url, hash)
}

/** Sequence of the commit that is on its way and may be sent. */
async function liveCommit(world: World): Promise<number | undefined> {
  const ledger = (await world.status())?.ledger
  if (ledger === undefined || ledger.unlanded === null) return undefined
  const { sequence } = ledger.unlanded
  const { live } = await openOutbox(world.config.paths).read({ epoch: ledger.epoch, sequence })
  return live === undefined ? undefined : sequence
}
