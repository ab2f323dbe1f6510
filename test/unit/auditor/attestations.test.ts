import { assert } from 'chai'
import {
  DOCUMENT_AGE_MS_MAX,
  DOCUMENT_SKEW_MS_MAX,
  judgeSession,
  type Report,
  type Session,
  sessionsOf,
  type Terms,
} from '../../../auditor/attestations.ts'
import { newFindings } from '../../../auditor/naive/finding.ts'
import { BOUND_FIELDS } from '../../../enclave/protocol/attestation/binding.ts'
import { attestationDigestOf, type UserData } from '../../../enclave/protocol/attestation/user-data.ts'
import { verifyAttestation } from '../../../enclave/protocol/attestation/verify.ts'
import { verifyUnder } from '../../../enclave/protocol/attestation/verify-under.ts'
import { configHash } from '../../../enclave/protocol/configuration.ts'
import { toHash, ZERO_HASH } from '../../../enclave/protocol/ids.ts'
import { DOCUMENT_AT_MS, filled, newTestAttester, twinOf } from '../../builders/attestation.ts'
import { imageOf } from '../../builders/expectations.ts'
import { readGenuine } from '../../builders/genuine-documents.ts'
import { describeWithShared } from '../../builders/shared-data.ts'
import { ATTESTER, aLivedLedger, FAR_MS, HEIR, type Lived, termsOf, timesOf } from './attestations-world.ts'
import { AUTHORITY, addressOf, hashOf } from './log-builder.ts'

type Judged = { readonly image: string | undefined; readonly said: readonly string[]; readonly report: Report }

/** `CODE` of each finding, `notice CODE` of each notice, about one session. */
function judge(session: Session | undefined, document: Uint8Array | undefined, terms: Terms | undefined): Judged {
  if (session === undefined) throw new TypeError('expected a session')
  const report: Report = { findings: newFindings(), notices: [] }
  const image = judgeSession(session, document, terms, report)
  const found = report.findings.list.map(({ code }) => code)
  return { image: image?.name, said: [...found, ...report.notices.map(({ code }) => `notice ${code}`)], report }
}

/** Of the session at `position` and its own document. */
function judgeOwn(lived: Lived, position: number, terms: Terms = termsOf(), over: Partial<Session> = {}) {
  const session = lived.sessions[position]
  return judge(session === undefined ? undefined : { ...session, ...over }, lived.documents[position], terms)
}

/** The same without measurements. */
function judgeOwnUntold(lived: Lived, position: number): Judged {
  return judge(lived.sessions[position], lived.documents[position], undefined)
}

/** What the one finding says that came. */
function gotOf({ report }: Judged): string {
  assert.lengthOf(report.findings.list, 1)
  return report.findings.list[0]?.got ?? ''
}

describe('auditor: the documents of sessions', function () {
  this.timeout(60_000)
  const lived = aLivedLedger()

  it('accepts each session under the policy, configuration and authority of its time, and names its image', () => {
    for (const position of [0, 1, 2]) {
      const { image, said } = judgeOwn(lived, position, termsOf({ configurations: lived.configurations }))
      assert.deepEqual({ image, said }, { image: 'honest', said: [] }, `session ${position}`)
    }
  })

  it('names every field of user_data that says something else than chain and log', () => {
    const others: { readonly [K in (typeof BOUND_FIELDS)[number]]: UserData[K] } = {
      role: 'signer',
      chainId: 1,
      anchor: addressOf(1),
      config: hashOf(1),
      authority: HEIR,
      policyHash: hashOf(1),
      head: hashOf(1),
      epoch: 2,
      session: addressOf(1),
      credits: 'host-trusted',
    }
    for (const field of BOUND_FIELDS) {
      const judged = judgeOwn(aLivedLedger({ 0: { userData: { [field]: others[field] } } }), 0)
      assert.deepEqual(judged.said, ['ATTESTATION_REFUSED'], field)
      assert.match(gotOf(judged), new RegExp(`^ATTESTATION_BINDING: expected "?${field} `))
      assert.equal(judged.image, undefined)
    }
  })

  it('compares with the chain, whatever the log says: chain, anchor, authority, head', () => {
    const others = { chainId: 1, anchor: addressOf(1), authority: HEIR, head: hashOf(1) }
    for (const [field, value] of Object.entries(others))
      assert.match(
        gotOf(judgeOwn(lived, 0, termsOf(), { [field]: value })),
        new RegExp(`ATTESTATION_BINDING.*${field}`),
      )
  })

  it('compares with what was in force at the open entry, neither before nor after', () => {
    const [first, second, third] = lived.sessions
    assert.notEqual(first?.logged?.policyHash, second?.logged?.policyHash)
    assert.notEqual(second?.logged?.config, third?.logged?.config)
    const earlier = judgeOwn(lived, 1, termsOf(), { logged: first?.logged })
    assert.match(gotOf(earlier), /ATTESTATION_BINDING.*policyHash/)
    const later = judgeOwn(lived, 1, termsOf(), { logged: third?.logged })
    assert.match(gotOf(later), /ATTESTATION_BINDING.*config/)
  })

  it('names epoch, session and entry in each finding', () => {
    const [finding] = judgeOwn(aLivedLedger({ 1: { userData: { epoch: 7 } } }), 1).report.findings.list
    const [, session] = lived.sessions
    assert.equal(finding?.subject, `epoch 2 session ${session?.session}`)
    assert.equal(finding?.entry, session?.logged?.entry)
  })

  it('names a document that the chain does not, and takes the second form of a signature for the same one', () => {
    const [document] = lived.documents
    const [session] = lived.sessions
    if (document === undefined) throw new TypeError('expected a document')
    assert.deepEqual(judge(session, twinOf(document), termsOf()).said, [])
    for (const other of [lived.documents[1], document.subarray(1), new Uint8Array(0), new Uint8Array(70_000)])
      for (const terms of [termsOf(), undefined])
        assert.deepEqual(judge(session, other, terms).said, ['ATTESTATION_DIGEST'])
  })

  it('wants a document for every session once images are named, and only mentions its absence before', () => {
    const [session] = lived.sessions
    assert.deepEqual(judge(session, undefined, termsOf()).said, ['ATTESTATION_MISSING'])
    assert.deepEqual(judge(session, undefined, undefined).said, ['notice ATTESTATION_MISSING'])
    const bare = { attestationDigest: ZERO_HASH }
    assert.deepEqual(judgeOwn(lived, 0, termsOf(), bare).said, ['UNATTESTED'])
    const unnamed = judge(session && { ...session, ...bare }, undefined, undefined)
    assert.deepEqual(unnamed.said, ['notice UNATTESTED'])
  })

  it('refuses another image, a debug image, another root and a broken signature', () => {
    const other = { ...imageOf(ATTESTER), pcr1: filled(0xb1) }
    const debug = aLivedLedger({ 0: { document: { pcrs: new Map([0, 1, 2].map((index) => [index, filled(0)])) } } })
    const stranger = toHash(newTestAttester().rootPin)
    const strange = termsOf({ verify: (document, expectation) => verifyUnder(document, expectation, stranger) })
    const broken = Uint8Array.from(lived.documents[0] ?? [])
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
    const cases = {
      ATTESTATION_MEASUREMENT: judgeOwn(lived, 0, termsOf({ measurements: [other] })),
      ATTESTATION_DEBUG: judgeOwn(debug, 0),
      ATTESTATION_ROOT: judgeOwn(lived, 0, strange),
      ATTESTATION_SIGNATURE: judge(lived.sessions[0], broken, termsOf()),
    }
    for (const [code, judged] of Object.entries(cases)) {
      assert.deepEqual(judged.said, ['ATTESTATION_REFUSED'], code)
      assert.match(gotOf(judged), new RegExp(`^${code}: `))
    }
  })

  it('judges a document at its own time: certificates that have ended since are no fault', () => {
    const { said } = judgeOwn(lived, 0, termsOf(), { openedAtMs: DOCUMENT_AT_MS })
    assert.deepEqual(said, [])
    const early = aLivedLedger({ 0: { document: { timestampMs: DOCUMENT_AT_MS + 4 * 3_600_000 } } })
    assert.match(gotOf(judgeOwn(early, 0)), /^ATTESTATION_EXPIRED/)
  })

  it('names an open entry whose imageDigest is not that of its document', () => {
    const [session] = lived.sessions
    const logged = session?.logged && { ...session.logged, imageDigest: ZERO_HASH }
    const judged = judgeOwn(lived, 0, termsOf(), { logged })
    assert.deepEqual({ image: judged.image, said: judged.said }, { image: undefined, said: ['ATTESTATION_IMAGE'] })
  })

  it('names a configuration that was not the one locked: another place, key version, or none', () => {
    const [first, , last] = lived.configurations
    if (first?.keyRelease === undefined || last === undefined) throw new TypeError('expected configurations')
    const { keyRelease, ...place } = first
    const others = [last, { ...place, keyRelease: { ...keyRelease, keyVersion: 2 } }, place]
    for (const configuration of others) {
      const { image, said } = judgeOwn(lived, 0, termsOf({ configurations: [configuration] }))
      assert.deepEqual({ image, said }, { image: undefined, said: ['ATTESTATION_CONFIG'] })
    }
    assert.deepEqual(judgeOwn(lived, 0, termsOf({ configurations: [...others, first] })).said, [])
    const unlocked = aLivedLedger({ 0: { document: { pcrs: new Map() } } })
    assert.deepEqual(judgeOwn(unlocked, 0, termsOf({ configurations: [first] })).said, ['ATTESTATION_CONFIG'])
    assert.deepEqual(judgeOwn(unlocked, 0, termsOf()).said, [])
  })

  it('takes no given configuration for another one in force, though PCR16 is that of the given one', () => {
    const [first, , last] = lived.configurations
    if (first === undefined || last === undefined) throw new TypeError('expected configurations')
    const [session] = lived.sessions
    const logged = session?.logged && { ...session.logged, config: configHash(last) }
    const open = { ...termsOf({ configurations: [first] }), verify: blind(lived.documents[0]) }
    assert.deepEqual(judgeOwn(lived, 0, open, { logged }).said, ['ATTESTATION_CONFIG'])
  })

  it('mentions a document that was made long before its session, or after it', () => {
    const at = (openedAtMs: number) => judgeOwn(lived, 0, termsOf(), { openedAtMs }).said
    assert.deepEqual(at(DOCUMENT_AT_MS + DOCUMENT_AGE_MS_MAX), [])
    assert.deepEqual(at(DOCUMENT_AT_MS + DOCUMENT_AGE_MS_MAX + 1), ['notice ATTESTATION_TIME'])
    assert.deepEqual(at(DOCUMENT_AT_MS - DOCUMENT_SKEW_MS_MAX), [])
    assert.deepEqual(at(DOCUMENT_AT_MS - DOCUMENT_SKEW_MS_MAX - 1), ['notice ATTESTATION_TIME'])
    const { facts, ledger } = lived
    const [late] = sessionsOf(facts, ledger, timesOf(facts, FAR_MS))
    assert.deepEqual(judge(late, lived.documents[0], termsOf()).said, ['notice ATTESTATION_TIME'])
  })

  it('says development root without measurements, and believes nothing else of the document', () => {
    const odd = aLivedLedger({ 0: { userData: { chainId: 1 } } })
    const { image, said, report } = judgeOwnUntold(odd, 0)
    assert.deepEqual({ image, said }, { image: undefined, said: ['notice ATTESTATION_DEVELOPMENT'] })
    assert.equal(report.notices[0]?.text, `ends in ${toHash(ATTESTER.rootPin)}`)
  })
})

describe('auditor: which sessions have documents to show', () => {
  const lived = aLivedLedger()
  const { facts, ledger } = lived

  it('gives each session the authority that the contract had then', () => {
    assert.deepEqual(
      lived.sessions.map(({ epoch, authority }) => ({ epoch, authority })),
      [
        { epoch: 1, authority: AUTHORITY },
        { epoch: 2, authority: AUTHORITY },
        { epoch: 4, authority: HEIR },
      ],
    )
  })

  it('leaves out those before the genesis of the ledger, and none when there is no ledger yet', () => {
    const epochs = (genesisEpoch: number) => {
      const later = { ...ledger, genesis: { ...ledger.genesis, epoch: genesisEpoch } }
      return sessionsOf(facts, later, new Map()).map(({ epoch }) => epoch)
    }
    assert.deepEqual(epochs(0), [1, 2, 4])
    assert.deepEqual(epochs(1), [2, 4])
    assert.deepEqual(epochs(4), [])
    assert.lengthOf(sessionsOf(facts, null, new Map()), 3)
  })

  it('judges a session that the log does not have by the chain alone', () => {
    const other = { policyHash: hashOf(1), config: hashOf(2), credits: 'host-trusted' } as const
    const odd = aLivedLedger({ 0: { userData: other } })
    const [unlogged] = sessionsOf(odd.facts, null, new Map())
    assert.isUndefined(unlogged?.logged)
    assert.deepEqual(judge(unlogged, odd.documents[0], termsOf()).said, [])
    const [foreign] = sessionsOf({ ...odd.facts, chainId: 1 }, null, new Map())
    assert.match(gotOf(judge(foreign, odd.documents[0], termsOf())), /ATTESTATION_BINDING.*chainId/)
  })

  it('takes an open entry of another key for none', () => {
    const others = facts.events.map((event) =>
      event.kind === 'session' && event.epoch === 1 ? { ...event, session: addressOf(1) } : event,
    )
    const [first, second] = sessionsOf({ ...facts, events: others }, ledger, new Map())
    assert.isUndefined(first?.logged)
    assert.equal(second?.logged?.epoch, 2)
  })
})

describeWithShared('auditor: genuine documents of other enclaves', 'attestation', (folder) => {
  const genuine = readGenuine(folder).find(({ archived, isDebug }) => archived === 'accept' && !isDebug)

  /** A session that the chain opened with that document. */
  function genuineSession(): Session {
    const [session] = aLivedLedger().sessions
    if (genuine === undefined || session === undefined) throw new TypeError('expected a genuine document')
    return { ...session, attestationDigest: attestationDigestOf(genuine.bytes) }
  }

  it('asks for measurements when a document claims the root of AWS', () => {
    assert.deepEqual(judge(genuineSession(), genuine?.bytes, undefined).said, ['notice ATTESTATION_UNJUDGED'])
  })

  it('refuses one as the document of a session: another image, and with that image another binding', () => {
    const strange = judge(genuineSession(), genuine?.bytes, termsOf({ verify: verifyAttestation }))
    assert.match(gotOf(strange), /^ATTESTATION_MEASUREMENT/)
    const measurements = genuine === undefined ? [] : [genuine.measurement]
    const unbound = judge(genuineSession(), genuine?.bytes, termsOf({ verify: verifyAttestation, measurements }))
    assert.match(gotOf(unbound), /^ATTESTATION_BINDING/)
  })
})

/** A verifier that would not look at the binding: what comes behind it has to see the difference by itself. */
function blind(document: Uint8Array | undefined): Terms['verify'] {
  if (document === undefined) throw new TypeError('expected a document')
  return (_, expectation) => verifyUnder(document, { ...expectation, binding: 'unchecked' }, toHash(ATTESTER.rootPin))
}
