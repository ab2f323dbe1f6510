/** The parts of Livepeer's contracts that the host reads. */
import { parseAbi } from 'viem'

export const LIVEPEER_ABI = parseAbi([
  'function controller() view returns (address)',
  'function getContract(bytes32 id) view returns (address)',
  'function currentRound() view returns (uint256)',
  'function currentRoundInitialized() view returns (bool)',
  'function blockHashForRound(uint256 round) view returns (bytes32)',
  'function isRegisteredTranscoder(address transcoder) view returns (bool)',
])
