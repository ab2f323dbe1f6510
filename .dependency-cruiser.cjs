// The import table of docs/CONTRIBUTING.md, as rules over resolved files. `npm run check` runs them.
//
// A rule is ban(name, from, to). A `to` that holds only `pathNot` is a list of what is allowed: anything else is refused,
// Node's own modules and packages too. A type-only import counts as an import: whoever knows the type knows the other side.
//
// Out of sight here, and held elsewhere: names such as `process`, `fetch` and `Date` (the compiler settings of enclave/core,
// the word check), computed imports (the word check), programs started by their path.
//
// test/docs/boundaries.test.ts plants one violation for each rule and expects that rule to name it.

// TypeScript 7 has no API that depcruise can load: it would skip every .ts file, report 0 modules and succeed.
const compilerVersion = require('typescript/package.json').version
if (!(Number.parseInt(compilerVersion, 10) < 7)) {
  throw new Error(`expected TypeScript below 7, or no file of ours is seen; got ${compilerVersion}`)
}

const ban = (name, from, to) => ({ name, severity: 'error', from, to })
const either = (...patterns) => patterns.join('|')
const packages = (...names) => `(^|/)node_modules/(${names.join('|')})/`

const WIRE = '^enclave/protocol/'
// Sockets and the addon under them; this folder knows nothing else of ours.
const VSOCK = '^enclave/shell/native/'
const NAIVE = '^auditor/(replay[.]ts$|naive/)'
const JOBS = '^queues/jobs([.]ts$|/)'
const OUTSIDE = '^(queues|workers|host|api|auditor|scripts)/'
const SHIPPED = '^(enclave|queues|workers|host|api|auditor|reporter)/'
const ANY_PACKAGE = '(^|/)node_modules/'

// Encoding and hashing; no client and no account among it.
const VIEM_UTILS = 'viem/_(esm|cjs|types)/utils'
const VIEM_ACCOUNTS = '(^|/)node_modules/viem/_(esm|cjs|types)/accounts/'

// Whoever audits the enclave reads these packages too: a longer list takes an ADR.
const WIRE_PACKAGES = packages('zod', '@noble/hashes', '@noble/curves', 'hash-wasm', VIEM_UTILS)
const ENCLAVE_PACKAGES = packages(
  'zod',
  '@noble/hashes',
  '@noble/curves',
  'secp256k1',
  'hash-wasm',
  VIEM_UTILS,
  '@aws-sdk/client-kms',
  '@smithy/node-http-handler',
)

const trustedSide = [
  ban('protocol-is-a-leaf', { path: WIRE }, { pathNot: either(WIRE, WIRE_PACKAGES) }),
  ban('core-is-pure', { path: '^enclave/core/' }, { pathNot: either('^enclave/core/', WIRE) }),
  ban(
    'enclave-is-an-island',
    { path: '^enclave/' },
    { pathNot: either('^enclave/', ANY_PACKAGE), dependencyTypesNot: ['core'] },
  ),
  ban('enclave-packages-are-listed', { path: '^enclave/' }, { path: ANY_PACKAGE, pathNot: ENCLAVE_PACKAGES }),
  // AF_VSOCK is one and the same on both sides, and its addon is built once.
  ban('host-sees-only-the-wire', { path: OUTSIDE }, { path: '^enclave/', pathNot: either(WIRE, VSOCK) }),
  ban('nothing-imports-an-entry-point', {}, { path: '^enclave/(development/)?main[.]ts$' }),
  // The measured image holds neither the stand-ins of a development machine nor a way to trust them.
  ban(
    'development-stays-out-of-the-image',
    { path: '^(?!test/|enclave/development/|enclave/protocol/attestation/)' },
    { path: '^enclave/development/|^enclave/protocol/attestation/verify-under[.]ts$' },
  ),
]

const between = [
  ban('jobs-are-data', { path: JOBS }, { pathNot: either(JOBS, WIRE, packages('zod')) }),
  ban(
    'queues-know-no-one',
    { path: '^queues/' },
    { pathNot: either('^queues/', WIRE, packages('zod', 'bullmq', 'ioredis')) },
  ),
]

const pipeline = [
  ban('plans-are-pure', { path: '^workers/[0-9]-[^/]+/plan[.]ts$' }, { pathNot: either(WIRE, JOBS) }),
  ban('stages-are-strangers', { path: '^workers/([0-9]-[^/]+)/' }, { path: '^workers/', pathNot: '^workers/$1/' }),
  ban('stages-know-host-and-queues', { path: '^workers/' }, { path: '^(api|auditor|scripts|contracts)/' }),
  // bullmq for Job and the errors that steer it; everything else comes through host and queues.
  ban(
    'stage-packages-are-listed',
    { path: '^workers/[0-9]-[^/]+/' },
    { path: ANY_PACKAGE, pathNot: packages('bullmq') },
  ),
  ban('stages-use-no-builtin', { path: '^workers/[0-9]-[^/]+/' }, { dependencyTypes: ['core'] }),
]

const untrustedSide = [
  ban('host-is-plumbing', { path: '^host/' }, { path: '^(workers|api|auditor|scripts|contracts)/' }),
  ban('api-runs-nothing', { path: '^api/' }, { path: '^(workers|auditor|scripts|contracts)/' }),
  // The embedded chain's own accounts come from the mnemonic that every development chain publishes: no key of value.
  ban('keys-stay-home', { path: OUTSIDE, pathNot: '^scripts/chain/accounts[.]ts$' }, { path: VIEM_ACCOUNTS }),
]

const auditor = [
  ban(
    'auditor-trusts-nobody',
    { path: '^auditor/' },
    { path: '^(queues|workers|host|api|scripts|contracts)/|^enclave/(?!protocol/)' },
  ),
  ban(
    'auditor-packages-are-listed',
    { path: '^auditor/' },
    { path: ANY_PACKAGE, pathNot: packages('viem', '@noble/curves', 'commander', 'cli-table3') },
  ),
  ban(
    'auditor-prints-in-one-place',
    { path: '^auditor/', pathNot: '^auditor/main[.]ts$' },
    { path: packages('commander', 'cli-table3') },
  ),
  // The recomputation shares formats with what it checks and nothing else, however many files it takes.
  // The one package recovers who signed: docs/adr/0009-auditor-signatures.md.
  ban('replay-is-naive', { path: NAIVE }, { pathNot: either(NAIVE, WIRE, packages('@noble/curves')) }),
]

// An outsider takes this folder and the wire's, and nothing else of ours. It holds keys of its owner's: viem's accounts.
const reporter = [
  ban(
    'reporter-stands-alone',
    { path: '^reporter/' },
    { pathNot: either('^reporter/', WIRE, packages('viem', 'zod')), dependencyTypesNot: ['core'] },
  ),
  ban('reporters-keys-stay-away', { path: '^(queues|workers|host|api|auditor)/' }, { path: '^reporter/' }),
]

const everywhere = [
  ban('tests-are-not-a-library', { pathNot: '^test/' }, { path: '^test/' }),
  ban('no-dev-packages-in-production', { path: SHIPPED }, { dependencyTypes: ['npm-dev'] }),
  ban('no-undeclared-packages', { pathNot: ANY_PACKAGE }, { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] }),
  ban('no-cycles', {}, { circular: true }),
  ban('no-unresolved', {}, { couldNotResolve: true }),
]

module.exports = {
  forbidden: [...trustedSide, ...between, ...pipeline, ...untrustedSide, ...auditor, ...reporter, ...everywhere],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true, // `import type` is erased before run time and would go unseen.
    detectProcessBuiltinModuleCalls: true, // process.getBuiltinModule('fs') imports as well.
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
