import { expect } from 'chai'
import { toEventSignature, toFunctionSignature } from 'viem'
import { ANCHOR_ABI } from '../../enclave/protocol/anchor-abi.ts'
import { readArtifact, TICKET_BROKER_ABI, WORLD_ABI } from '../../scripts/chain/world.ts'

type Entry = { type: string; name?: string; stateMutability?: string; inputs?: readonly unknown[] }

/** One line per entry: kind, signature, mutability, indexed parameters. */
function linesOf(abi: readonly unknown[], keep: (entry: Entry) => boolean = () => true): string[] {
  return (abi as Entry[]).filter(keep).map(lineOf).sort()
}

function lineOf(entry: Entry): string {
  const signature = (e: never) => (entry.type === 'event' ? toEventSignature(e) : toFunctionSignature(e))
  const name = entry.name === undefined ? '' : signature({ ...entry, type: kindOf(entry) } as never)
  const indexed = (entry.inputs ?? []).map((input) => ((input as { indexed?: boolean }).indexed ? 'i' : '-')).join('')
  return [entry.type, name, entry.stateMutability ?? '', entry.type === 'event' ? indexed : ''].join(' ')
}

const kindOf = (entry: Entry) => (entry.type === 'event' ? 'event' : 'function')

describe('the ABI that clients type', () => {
  it('has every entry of the compiled anchor and no other', async () => {
    const { abi } = await readArtifact('LedgerAnchor')
    expect(linesOf(ANCHOR_ABI)).to.deep.equal(linesOf(abi))
  })

  it('offers no call that writes beyond the nine of the protocol page', async () => {
    const { abi } = await readArtifact('LedgerAnchor')
    const writing = linesOf(abi, (e) => e.type === 'function' && e.stateMutability !== 'view')
    expect(writing.map((line) => line.split(/[ (]/)[1])).to.deep.equal([
      'appointAuthority',
      'approveAuthority',
      'commit',
      'commitAndPay',
      'freeze',
      'guardianRotate',
      'openSession',
      'rotateAuthority',
      'unfreeze',
    ])
  })

  for (const version of ['V1', 'V2']) {
    it(`has only entries that broker ${version} answers`, async () => {
      const { abi } = await readArtifact(`TicketBroker${version}`)
      const names = (list: readonly unknown[]) => linesOf(list).map((line) => line.replace('pure', 'view'))
      expect(names(abi)).to.include.members(names(TICKET_BROKER_ABI))
    })
  }

  it('names only entries that some contract of the world has', async () => {
    const names = ['Controller', 'ManagerProxy', 'RoundsManager', 'BondingManager', 'Minter', 'TicketBrokerV2']
    const abis = await Promise.all(names.map(readArtifactAbi))
    const strip = (line: string) => line.replace('payable', 'nonpayable').replace('nonnonpayable', 'nonpayable')
    expect(linesOf(abis.flat()).map(strip)).to.include.members(linesOf(WORLD_ABI).map(strip))
  })
})

async function readArtifactAbi(name: string) {
  return (await readArtifact(name)).abi
}
