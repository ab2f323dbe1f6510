/** What the anchor on chain says of the enclave that a document vouches for. Reads only, from whichever endpoint is named. */
import { createPublicClient, http } from 'viem'
import { ANCHOR_ABI } from '../../../enclave/protocol/anchor-abi.ts'
import type { ExpectedUserData } from '../../../enclave/protocol/attestation/binding.ts'
import type { UserData } from '../../../enclave/protocol/attestation/user-data.ts'
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import { type Address, type Hash, isHash, toAddress, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { fetchWithin } from '../../../host/endpoints.ts'

const RPC_TIMEOUT_MS = 30_000
const RPC_ATTEMPTS_MAX = 3
const MESSAGE_CHARACTERS_MAX = 200

export type AnchorPlace = { readonly rpcUrl: string; readonly anchor: Address }
type ChainBinding = Pick<ExpectedUserData, 'chainId' | 'anchor' | 'authority' | 'head' | 'epoch' | 'session'>

function openClient(rpcUrl: string) {
  const transport = http(rpcUrl, { retryCount: RPC_ATTEMPTS_MAX, fetchFn: fetchWithin(RPC_TIMEOUT_MS) })
  return createPublicClient({ transport })
}

async function answered<T>(rpcUrl: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    const said = ((cause as Error).message.split('\n')[0] ?? '').slice(0, MESSAGE_CHARACTERS_MAX)
    throw new CodedError('RPC_FAILED', `expected answers from ${rpcUrl}, got: ${said}`, { cause })
  }
}

/** What a live document has to bind: all read at one block. Refuses RPC_FAILED, CONFIG_INVALID. */
export function readNow({ rpcUrl, anchor }: AnchorPlace): Promise<ChainBinding> {
  return answered(rpcUrl, async () => {
    const client = openClient(rpcUrl)
    const blockNumber = await client.getBlockNumber()
    if ((await client.getCode({ address: anchor, blockNumber })) === undefined)
      refuse('CONFIG_INVALID', `an anchor at ${anchor}`, 'an address without code')
    const at = { abi: ANCHOR_ABI, address: anchor, blockNumber } as const
    const [chainId, head, epoch, session, authority] = await Promise.all([
      client.getChainId(),
      client.readContract({ ...at, functionName: 'head' }),
      client.readContract({ ...at, functionName: 'epoch' }),
      client.readContract({ ...at, functionName: 'session' }),
      client.readContract({ ...at, functionName: 'authority' }),
    ])
    return { chainId, anchor, authority: lower(authority), head: head as Hash, epoch, session: lower(session) }
  })
}

function lower(address: string): Address {
  return toAddress(address) ?? ZERO_ADDRESS
}

/**
 * Whether the anchor names this very document: a session of the epoch that it binds was opened with its digest, on its
 * head, for its session key. Refuses ATTESTATION_BINDING where none was, RPC_FAILED.
 */
export function demandOpened(
  { rpcUrl, anchor }: AnchorPlace,
  bound: UserData,
  digest: Hash,
  fromBlock: bigint,
): Promise<number> {
  return answered(rpcUrl, async () => {
    const { epoch, session } = bound
    const client = openClient(rpcUrl)
    const chainId = await client.getChainId()
    if (bound.chainId !== chainId) refuse('ATTESTATION_BINDING', `chainId ${chainId}`, `${bound.chainId}`)
    if (bound.anchor !== anchor) refuse('ATTESTATION_BINDING', `anchor ${anchor}`, bound.anchor ?? 'null')
    if (epoch === null) return refuse('ATTESTATION_BINDING', 'the epoch of a session', 'null')
    const filter = { abi: ANCHOR_ABI, address: anchor, eventName: 'SessionOpened', fromBlock, args: { epoch } } as const
    const opened = await client.getContractEvents({ ...filter, strict: true })
    const [found] = opened.filter(({ args }) => args.attestationDigest === digest)
    if (found === undefined) return refuse('ATTESTATION_BINDING', `a session of epoch ${epoch} with ${digest}`, 'none')
    const { args, blockNumber } = found
    if (lower(args.session) !== session) refuse('ATTESTATION_BINDING', `session ${args.session}`, session ?? 'null')
    if (!isHash(args.head) || args.head !== bound.head)
      refuse('ATTESTATION_BINDING', `head ${args.head}`, bound.head ?? 'null')
    return Number(blockNumber)
  })
}
