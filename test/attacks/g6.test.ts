import { refuses, useStage } from './use-stage.ts'

type Genesis = {
  readonly policy: object
  readonly roster: readonly { readonly id: string; readonly recipient: string }[]
  readonly openings: readonly object[]
  readonly journalSize: number
}

describe('G6: a host that adds a line to the opening balances', () => {
  const stage = useStage()
  const opening = { id: 'orch-0', wei: '1', recipient: null }

  const FORGERIES: readonly (readonly [string, (honest: Genesis) => object])[] = [
    ['an opening balance more', () => ({ openings: [opening] })],
    [
      'a recipient changed in the roster',
      ({ roster }) => ({ roster: [{ ...roster[0], recipient: `0x${'ee'.repeat(20)}` }, ...roster.slice(1)] }),
    ],
    ['an id renamed in the roster', ({ roster }) => ({ roster: [{ ...roster[0], id: 'orch-x' }, ...roster.slice(1)] })],
    ['a roster cut short', ({ roster }) => ({ roster: roster.slice(0, -1) })],
    ['another start of the journal', () => ({ journalSize: 1 })],
    ['another head of the journal', () => ({ journalHead: `0x${'01'.repeat(32)}` })],
    ['one cap of the policy raised', ({ policy }) => ({ policy: { ...policy, payoutWeiMax: '1000000000000000001' } })],
  ]

  for (const [what, forge] of FORGERIES)
    it(`begins no ledger with ${what}`, async () => {
      const honest = stage().genesis as Genesis
      const boot = await stage().boot()
      await refuses(boot.begin({ ...honest, ...forge(honest) }, 0), 'GENESIS_HASH')
      await boot.begin(honest, 0)
    })
})
