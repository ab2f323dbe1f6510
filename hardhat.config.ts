import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import hardhatMocha from '@nomicfoundation/hardhat-mocha'
import hardhatNetworkHelpers from '@nomicfoundation/hardhat-network-helpers'
import hardhatViem from '@nomicfoundation/hardhat-viem'
import hardhatViemAssertions from '@nomicfoundation/hardhat-viem-assertions'
import { configVariable, defineConfig } from 'hardhat/config'

const require = createRequire(import.meta.url)

const SOLC_VERSION = '0.8.37'
const ARBITRUM_CHAIN_ID = 42161
const FUZZ_RUNS = 64
const INVARIANT_RUNS = 24
const INVARIANT_DEPTH = 32
const MOCHA_TIMEOUT_MS = 120_000
const BLOCK_GAS_MAX = 100_000_000

// Hardhat takes the compiler at `path` on trust: a package of another version would pass unseen.
assert.equal(require('solc/package.json').version, SOLC_VERSION, `the contracts are pinned to solc ${SOLC_VERSION}`)

const compiler = {
  version: SOLC_VERSION,
  path: require.resolve('solc/soljson.js'),
  settings: { evmVersion: 'cancun', viaIR: true, optimizer: { enabled: true, runs: 1_000_000 } },
}

// The deployed Livepeer contracts come from the older code generator. Their stand-ins are built the same way, so that
// what a redemption costs, and with it every ratio in docs/GAS.md, is theirs and not flattered or worsened by ours.
const livepeerCompiler = {
  ...compiler,
  settings: { ...compiler.settings, evmVersion: 'london', viaIR: false, optimizer: { enabled: true, runs: 200 } },
}
const livepeerSources = [
  'BondingManager',
  'Controller',
  'ManagerProxy',
  'Minter',
  'RoundsManager',
  'TicketBrokerV1',
  'TicketBrokerV2',
].map((name) => `contracts/testing/${name}.sol`)
const profile = {
  compilers: [compiler],
  overrides: Object.fromEntries(livepeerSources.map((path) => [path, livepeerCompiler])),
}

const arbitrum = { type: 'edr-simulated', chainType: 'l1', chainId: ARBITRUM_CHAIN_ID, hardfork: 'prague' } as const

/** Compiler, chain and test settings of the contracts. Tests open a chain with `network.create()`. */
export default defineConfig({
  plugins: [hardhatMocha, hardhatViem, hardhatViemAssertions, hardhatNetworkHelpers],
  // Both profiles in full: the short form drops `settings` from the production profile.
  solidity: { profiles: { default: profile, production: profile } },
  chainDescriptors: {
    [ARBITRUM_CHAIN_ID]: {
      name: 'Arbitrum One',
      chainType: 'l1',
      hardforkHistory: { cancun: { blockNumber: 0 }, prague: { blockNumber: 1 } },
    },
  },
  networks: {
    default: { ...arbitrum, blockGasLimit: BLOCK_GAS_MAX },
    // Only the tests under test/fork open this one; they set forking.blockNumber, since the default lags 128 blocks.
    fork: { ...arbitrum, blockGasLimit: BLOCK_GAS_MAX, forking: { url: configVariable('ARBITRUM_RPC_URL') } },
  },
  paths: { tests: { mocha: 'test/contracts', solidity: 'test/contracts' } },
  test: {
    mocha: { timeout: MOCHA_TIMEOUT_MS, retries: 0, forbidOnly: true },
    solidity: {
      fuzz: { runs: FUZZ_RUNS },
      invariant: { runs: INVARIANT_RUNS, depth: INVARIANT_DEPTH, failOnRevert: false },
    },
  },
})
