import { strict as assert } from 'node:assert'
import { Documents } from '../../api/documents.ts'
import { buildApi } from '../../api/server.ts'
import { readTokens, tokensOf } from '../../api/tokens.ts'
import { EVE, owedWei, signedOn, useGovernedStage } from './governed.ts'
import { ETHER_WEI } from './stage.ts'
import { refuses } from './use-stage.ts'

/** Whatever an http api lets through, it reaches the enclave as a request like these: no token stands in any of them. */
describe('S36: an adjustment by whoever reached the api', () => {
  const stage = useGovernedStage({ credits: 'host-trusted' })

  it('is refused by the enclave without the signatures of a quorum', async () => {
    const by = signedOn(stage())
    const boot = await stage().active()
    await boot.credit('1', 'orch-0')
    const act = { adjustSeq: 1, orchestratorId: 'orch-0', deltaWei: ETHER_WEI }
    for (const admins of [[], [EVE], [EVE, EVE]])
      await refuses(boot.call('adjust', by.adjust(act, admins)), 'QUORUM_INVALID')
    const other = { ...by.adjust(act), deltaWei: (2n * ETHER_WEI).toString() }
    await refuses(boot.call('adjust', other), 'QUORUM_INVALID')
    await refuses(
      boot.call('apply_delta' as never, { orchestrator_id: 'orch-0', delta: '1' } as never),
      'METHOD_RETIRED',
    )
    assert.equal(await owedWei(boot, 'orch-0'), ETHER_WEI)
    await boot.keep((await boot.call('adjust', by.adjust(act))).records)
    assert.equal(await owedWei(boot, 'orch-0'), 2n * ETHER_WEI)
  })

  it('finds an api that nobody was given a token for closed, and one with an empty token not started', async () => {
    const nowhere = { viewersFile: undefined, adminFile: undefined }
    const strong = 's'.repeat(32)
    assert.equal((await readTokens({ ...nowhere, viewersText: strong, adminText: undefined })).count, 1)
    for (const weak of ['', ' ', ',', strong.slice(1), `${strong},`]) {
      await refuses(readTokens({ ...nowhere, viewersText: weak, adminText: undefined }), 'TOKEN_WEAK')
      await refuses(readTokens({ ...nowhere, viewersText: undefined, adminText: weak }), 'TOKEN_WEAK')
    }
    const nobody = new Documents({ status: silence, document: silence })
    const app = await buildApi({
      tokens: tokensOf({ viewers: [], admins: [] }),
      core: nobody,
      signer: nobody,
      status: silence,
      statusFor: 'viewer',
      trustedProxies: [],
      onFailure: () => undefined,
    })
    for (const url of ['/', '/api/status', '/api/tee/status', '/api/tee/core/status']) {
      for (const token of ['', 'undefined', 'null', strong])
        assert.equal((await app.inject({ url, headers: { 'x-admin-token': token } })).statusCode, 401, url)
    }
    await app.close()
  })
})

/** Whoever got as far as this got too far. */
function silence(): never {
  throw new Error('expected a closed door, got an open one')
}
