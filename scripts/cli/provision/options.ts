/**
 * The options of `anchorhold provision` for an enclave that is running already, read into what they mean. They are those of
 * the replaced provisioning script and a few more; two of its options have moved into the policy, and say so.
 */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { isChecksummed } from '../../../enclave/protocol/checksum.ts'
import { CodedError, refuse } from '../../../enclave/protocol/errors.ts'
import { type Address, toAddress, ZERO_ADDRESS } from '../../../enclave/protocol/ids.ts'
import { formatEther, parseEther, sameEther } from '../../../enclave/protocol/money.ts'
import { parseEnclaveEndpoint } from '../../../host/enclave-endpoint.ts'
import { requireKeyArn } from '../../kms/arn.ts'

export const PROXY_PORT_DEFAULT = 8_000
export const ALLOWED_RECIPIENTS_MAX = 1_024
const CIPHERTEXT_CHARACTERS_MAX = 4_096
const VSOCK_PORT_MAX = 2 ** 32 - 2
const U128_LIMIT = 2n ** 128n

/** As typed: every value is text, a list or a yes. */
export type ProvisionFlags = {
  readonly role?: string
  readonly endpoint?: string
  readonly generate?: boolean
  readonly prepare?: boolean
  readonly ciphertextB64?: string
  readonly ciphertext?: string
  readonly region?: string
  readonly kmsKeyId?: string
  readonly keySpec?: string
  readonly proxyPort?: string
  readonly expectedAddress?: string
  readonly policy?: string
  readonly roster?: string
  readonly chainId?: string
  readonly ticketBroker?: string
  readonly allowedRecipient?: readonly string[]
  readonly allowedRecipientsFile?: string
  readonly requireAllowlist?: boolean
  readonly maxFaceValueEth?: string
  readonly maxTotalFaceValueEth?: string
  readonly creditReporter?: string
  readonly requireCreditSignature?: boolean
}

export type ProvisionedKey =
  | { readonly kind: 'generate' }
  | { readonly kind: 'base64'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }

/** What a signer is asked to sign for, under the names of its methods. Amounts are decimal text of wei. */
export type SignerTermsGiven = {
  readonly chain_id: number
  readonly ticket_broker: Address
  readonly allowed_recipients: readonly Address[]
  /** Only ever true: absent, the signer demands it as well, and an empty list pays nobody. */
  readonly require_allowlist?: true
  readonly max_face_value_wei?: string
  readonly max_total_face_value_wei?: string
}

type Common = {
  /** Of an enclave that runs; absent: the one of host.json. */
  readonly endpoint?: string
  readonly region?: string
  readonly keyId?: string
  readonly proxyPort: number
  readonly expectedAddress?: Address
}
export type ProvisionOptions = Common &
  (
    | {
        readonly role: 'core'
        /** `later`: only what the ledger begins with is laid, so that a key policy can name it. */
        readonly key: { readonly kind: 'generate' | 'later' }
        readonly policy?: string
        readonly roster?: string
      }
    | { readonly role: 'signer'; readonly key: ProvisionedKey; readonly terms?: SignerTermsGiven }
  )

type From = {
  /** The folder that relative paths start from. */
  readonly typedIn: string
  /** Refuses CONFIG_INVALID where it cannot. */
  readonly readText: (path: string) => string
  /** kmsProxyPort of host.json, where there is one: an option that was not typed must not replace it. */
  readonly proxyPort?: number
}

/** Options of the replaced script that are no longer said here, and where they are. */
const MOVED: { readonly [name: string]: string } = {
  creditReporter: '--credit-reporter is now `reporters` of the policy file, with a cap for each; --policy names it',
  requireCreditSignature:
    '--require-credit-signature is now `"credits": "signed"` of the policy file; --policy names it',
}
const SIGNER_ONLY = [
  'chainId',
  'ticketBroker',
  'allowedRecipient',
  'allowedRecipientsFile',
  'requireAllowlist',
  'maxFaceValueEth',
  'maxTotalFaceValueEth',
] as const
const CORE_ONLY = ['policy', 'roster', 'prepare'] as const

/** Refuses CONFIG_INVALID with the option and what it expected, before anything is asked of an enclave. */
export function readProvision(flags: ProvisionFlags, from: From): ProvisionOptions {
  for (const [name, where] of Object.entries(MOVED)) if (name in flags) throw new CodedError('CONFIG_INVALID', where)
  const { role = 'core' } = flags
  const common = readCommon(flags, from)
  if (flags.generate === true && common.expectedAddress !== undefined)
    refuse('CONFIG_INVALID', '--expected-address beside a ciphertext', 'a key that is only being drawn')
  if (role === 'signer') return { role, ...common, key: readKey(flags, from), ...readSigner(flags, from) }
  if (role !== 'core') refuse('CONFIG_INVALID', '--role core or signer', role)
  return { role, ...common, ...readCore(flags, from) }
}

function readCommon(flags: ProvisionFlags, from: From): Common {
  const { endpoint, region, kmsKeyId, keySpec, proxyPort, expectedAddress } = flags
  if (endpoint !== undefined) parseEnclaveEndpoint(endpoint, '--endpoint')
  if (keySpec !== undefined && keySpec !== 'AES-256') refuse('CONFIG_INVALID', '--key-spec AES-256', keySpec)
  const keyRegion = kmsKeyId === undefined ? undefined : requireKeyArn(kmsKeyId).split(':')[3]
  if (region !== undefined && keyRegion !== undefined && region !== keyRegion)
    refuse('CONFIG_INVALID', `--region ${keyRegion}, as in --kms-key-id`, region)
  return {
    ...only('endpoint', endpoint),
    ...only('region', region ?? keyRegion),
    ...only('keyId', kmsKeyId),
    proxyPort:
      proxyPort === undefined
        ? (from.proxyPort ?? PROXY_PORT_DEFAULT)
        : readInteger('--proxy-port', proxyPort, VSOCK_PORT_MAX),
    ...only(
      'expectedAddress',
      expectedAddress === undefined ? undefined : readAddress('--expected-address', expectedAddress),
    ),
  }
}

/** A core draws its keys: one that came from outside may have signed tickets that are still good [S6, F2, F12]. */
function readCore(flags: ProvisionFlags, { typedIn }: From) {
  const stray = SIGNER_ONLY.find((name) => name in flags)
  if (stray !== undefined)
    refuse('CONFIG_INVALID', 'chain and broker in enclave.json and limits in the policy of a core', optionOf(stray))
  if (flags.ciphertext !== undefined || flags.ciphertextB64 !== undefined)
    refuse('CONFIG_INVALID', '--generate: the key of a core is never imported', 'a ciphertext')
  const { policy, roster, generate, prepare } = flags
  if ((generate === true) === (prepare === true))
    refuse('CONFIG_INVALID', 'one of --generate and --prepare', 'both or none')
  if (prepare === true && policy === undefined) refuse('CONFIG_INVALID', '--policy with --prepare', 'none')
  return {
    key: { kind: prepare === true ? 'later' : 'generate' } as const,
    ...only('policy', policy === undefined ? undefined : resolve(typedIn, policy)),
    ...only('roster', roster === undefined ? undefined : resolve(typedIn, roster)),
  }
}

function readKey({ generate, ciphertext, ciphertextB64 }: ProvisionFlags, { typedIn }: From): ProvisionedKey {
  const given = [generate === true, ciphertext !== undefined, ciphertextB64 !== undefined].filter(Boolean)
  if (given.length !== 1)
    refuse('CONFIG_INVALID', 'one of --generate, --ciphertext-b64 and --ciphertext', `${given.length} of them`)
  if (ciphertext !== undefined) return { kind: 'file', path: resolve(typedIn, ciphertext) }
  if (ciphertextB64 === undefined) return { kind: 'generate' }
  const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
  if (ciphertextB64 === '' || ciphertextB64.length > CIPHERTEXT_CHARACTERS_MAX || !base64.test(ciphertextB64))
    refuse('CONFIG_INVALID', '--ciphertext-b64 as base64 with padding', `${ciphertextB64.length} characters`)
  return { kind: 'base64', text: ciphertextB64 }
}

/** Without chain and broker there are no terms: the signer was configured before. */
function readSigner(flags: ProvisionFlags, from: From): { readonly terms?: SignerTermsGiven } {
  const stray = CORE_ONLY.find((name) => name in flags)
  if (stray !== undefined) refuse('CONFIG_INVALID', 'the limits of a signer as options', optionOf(stray))
  if (!SIGNER_ONLY.some((name) => name in flags)) return {}
  const { chainId, ticketBroker, requireAllowlist } = flags
  if (chainId === undefined || ticketBroker === undefined)
    refuse('CONFIG_INVALID', '--chain-id and --ticket-broker beside the limits of a signer', 'one or none of them')
  const faceWei = readEther('--max-face-value-eth', flags.maxFaceValueEth)
  const totalWei = readEther('--max-total-face-value-eth', flags.maxTotalFaceValueEth)
  return {
    terms: {
      chain_id: readInteger('--chain-id', chainId, Number.MAX_SAFE_INTEGER),
      ticket_broker: readAddress('--ticket-broker', ticketBroker),
      allowed_recipients: readRecipients(flags, from),
      ...only('require_allowlist', requireAllowlist === true ? (true as const) : undefined),
      ...only('max_face_value_wei', faceWei),
      ...only('max_total_face_value_wei', totalWei),
    },
  }
}

function readRecipients(flags: ProvisionFlags, { typedIn, readText }: From): Address[] {
  const { allowedRecipient = [], allowedRecipientsFile: file } = flags
  const typed = allowedRecipient.map((text) => readAddress('--allowed-recipient', text))
  const listed = file === undefined ? [] : recipientsOf(file, readText(resolve(typedIn, file)))
  const all = [...new Set([...typed, ...listed])].sort()
  if (all.length > ALLOWED_RECIPIENTS_MAX)
    refuse('CONFIG_INVALID', `at most ${ALLOWED_RECIPIENTS_MAX} recipients`, `${all.length}`)
  return all
}

/** Addresses on lines or between commas; what follows a # is for people. */
function recipientsOf(file: string, text: string): Address[] {
  const words = text.split('\n').flatMap((line) => line.replace(/#.*/, '').split(','))
  const addresses = words.map((word) => word.trim()).filter((word) => word !== '')
  // A file that was emptied by accident must not read as "anyone".
  if (addresses.length === 0) refuse('CONFIG_INVALID', `recipients in ${file}`, 'none')
  return addresses.map((word) => readAddress(`--allowed-recipients-file ${file}`, word))
}

function readAddress(option: string, text: string): Address {
  const address = isChecksummed(text) ? toAddress(text.toLowerCase()) : undefined
  if (address === undefined || address === ZERO_ADDRESS)
    refuse('CONFIG_INVALID', `${option}: an address in one case or with a right checksum`, text)
  return address
}

/** Ether to whole wei, every digit of it. Refuses what lies between two wei instead of cutting it. */
function readEther(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const wei = parseEther(text)
  if (wei < 0n || wei >= U128_LIMIT || !sameEther(text, formatEther(wei)))
    refuse('CONFIG_INVALID', `${option}: ether of at most 18 decimals, zero or more`, text)
  return wei.toString()
}

function readInteger(option: string, text: string, max: number): number {
  const value = /^[1-9][0-9]{0,15}$/.test(text) ? Number.parseInt(text, 10) : 0
  return value >= 1 && value <= max ? value : refuse('CONFIG_INVALID', `${option}: 1 to ${max}`, text)
}

/** A field that is left out where it has no value. */
function only<K extends string, V>(name: K, value: V | undefined): { readonly [name in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [name in K]?: V }
}

function optionOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** The options themselves. --generate is the command's own. */
export function withProvisionOptions(command: Command): Command {
  return command
    .option('--role <role>', 'core or signer')
    .option('--endpoint <url>', 'of an enclave that runs: vsock://cid:port, tcp://host:port or unix:///path')
    .option('--region <name>', 'of the KMS key; its ARN says it too')
    .option('--kms-key-id <arn>', 'the full ARN of the KMS key')
    .option('--key-spec <spec>', 'AES-256, the only one')
    .option('--proxy-port <port>', `where vsock-proxy listens; else that of host.json, ${PROXY_PORT_DEFAULT}`)
    .option('--expected-address <address>', 'refuse a key of any other')
    .option('--ciphertext-b64 <text>', 'signer: a key that was made before, as base64')
    .option('--ciphertext <file>', 'signer: the same from a file')
    .option('--prepare', 'core: only write what the ledger begins with, for the key policy')
    .option('--policy <file>', 'core: the policy of the new ledger')
    .option('--roster <file>', 'core: recipients of orchestrators, JSON')
    .option('--chain-id <number>', 'signer: the chain')
    .option('--ticket-broker <address>', 'signer: the broker')
    .option('--allowed-recipient <addresses...>', 'signer: who may be paid')
    .option('--allowed-recipients-file <file>', 'signer: more of them, one a line')
    .option('--require-allowlist', 'signer: nobody else, which is the default')
    .option('--max-face-value-eth <ether>', 'signer: of one ticket')
    .option('--max-total-face-value-eth <ether>', 'signer: of one transaction')
    .addOption(new Option('--credit-reporter <address>').hideHelp())
    .addOption(new Option('--require-credit-signature').hideHelp())
}
