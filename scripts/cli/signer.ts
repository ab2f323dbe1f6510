/** `anchorhold signer`: a signer for a demonstration on this machine, and what a key must be encrypted under for a real one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { CodedError } from '../../enclave/protocol/errors.ts'
import { signerKeyContext, signerLockedHash, signerPolicyHash } from '../../enclave/protocol/signer-configuration.ts'
import { SIGNER_METHODS } from '../../enclave/protocol/signer-methods.ts'
import { signerConfigurationOf } from '../../enclave/protocol/signer-terms.ts'
import { type Answer, EXIT_FAILED, type Terminal } from './answer.ts'
import { type Run, show, withJson } from './command.ts'
import { ROOT } from './context.ts'

const SIGNER_MAIN = join(ROOT, 'enclave', 'development', 'signer.ts')
const LISTEN = 'tcp://127.0.0.1:7000'
const KEY_VARIABLE = 'SIGNER_PRIVATE_KEY'
const DOCUMENT_VARIABLE = 'SIGNER_ATTESTATION_DOC_B64'
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const ISSUES_SHOWN_MAX = 3

type Words = {
  readonly listen: string
  readonly expose?: boolean
  readonly configOnly?: boolean
  readonly json?: boolean
  readonly chainId?: string
  readonly ticketBroker?: string
  readonly allowedRecipient: readonly string[]
  readonly requireAllowlist: boolean
  readonly fundDeposit: boolean
  readonly maxFundDepositWei?: string
  readonly maxFaceValueWei?: string
  readonly maxTotalFaceValueWei?: string
  readonly batchMax?: string
  readonly maxFeePerGasWei?: string
  readonly maxPriorityFeePerGasWei?: string
  readonly gasMax?: string
  readonly keyId?: string
  readonly keyVersion?: string
}

export function addSigner(program: Command, run: Run): void {
  const command = program
    .command('signer')
    .description('a signer for demonstrations: the key of SIGNER_PRIVATE_KEY, a policy by flags, no enclave')
    .option('--listen <endpoint>', 'tcp://host:port or unix:///path', LISTEN)
    .option('--expose', 'listen beyond this machine')
    .option('--config-only', 'print what a key of this policy is encrypted under, and start nothing')
    .requiredOption('--chain-id <number>')
    .requiredOption('--ticket-broker <address>')
    .addOption(
      new Option('--allowed-recipient <address>', 'who may be paid; several times').argParser(gathered).default([]),
    )
    .option('--no-require-allowlist', 'with no --allowed-recipient: pay anyone')
    .option('--no-fund-deposit', 'sign no fundDeposit')
    .option('--max-fund-deposit-wei <wei>', 'one fundDeposit; none without it')
    .option('--max-face-value-wei <wei>', 'one ticket; none without it')
    .option('--max-total-face-value-wei <wei>', 'all tickets of one transaction; as one ticket without it')
    .option('--batch-max <count>', 'tickets of one transaction')
    .option('--max-fee-per-gas-wei <wei>')
    .option('--max-priority-fee-per-gas-wei <wei>')
    .option('--gas-max <gas>')
    .option('--key-id <arn>', 'of the KMS key, for --config-only')
    .option('--key-version <number>', 'for --config-only')
  withJson(command).action(async (words: Words) => {
    if (words.configOnly === true) show(configAnswer(words), { json: words.json === true }, run)
    else run.exitCode = await runSigner(words, run.terminal)
  })
}

function gathered(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

/** Parameters of `provision`, under the names of the replaced script's client. */
function termsOf(words: Words): { readonly [name: string]: unknown } {
  return {
    chain_id: words.chainId,
    ticket_broker: words.ticketBroker,
    allowed_recipients: words.allowedRecipient,
    require_allowlist: words.requireAllowlist,
    allow_fund_deposit: words.fundDeposit,
    max_fund_deposit_wei: words.maxFundDepositWei,
    max_face_value_wei: words.maxFaceValueWei,
    max_total_face_value_wei: words.maxTotalFaceValueWei,
    batch_max: words.batchMax,
    max_fee_per_gas_wei: words.maxFeePerGasWei,
    max_priority_fee_per_gas_wei: words.maxPriorityFeePerGasWei,
    gas_max: words.gasMax,
    key_id: words.keyId,
    key_version: words.keyVersion,
  }
}

/**
 * The configuration that these flags mean, its hashes, and the encryption context that `kms:Encrypt` takes for a key of its
 * owner's. Refuses PARAMS_INVALID, CONFIG_INVALID.
 */
function configAnswer(words: Words): Answer {
  const parsed = SIGNER_METHODS.generate.params.safeParse(termsOf(words))
  if (!parsed.success) {
    const issues = parsed.error.issues.slice(0, ISSUES_SHOWN_MAX)
    throw new CodedError(
      'PARAMS_INVALID',
      issues.map(({ path, message }) => `${path.join('.') || 'flags'}: ${message}`).join('; '),
    )
  }
  const configuration = signerConfigurationOf(parsed.data)
  const { ledgerId: ledger, config, role, keyVersion } = signerKeyContext(configuration)
  const encryptionContext = { ledger, config, role, purpose: 'authority', keyVersion: keyVersion.toString() }
  const value = {
    config,
    locked: signerLockedHash(configuration),
    policyHash: signerPolicyHash(configuration.policy),
    encryptionContext,
    configuration,
  }
  const text = [
    `config ${config}`,
    `PCR16 is extended with ${value.locked}`,
    `aws kms encrypt --encryption-context ${Object.entries(encryptionContext)
      .map(([name, one]) => `${name}=${one}`)
      .join(',')}`,
  ]
  return { format: 'anchorhold-signer-config/1', value, text: text.join('\n') }
}

/** Runs the signer until a signal, or until it ends by itself. Refuses CONFIG_INVALID without a key. */
async function runSigner(words: Words, { environment }: Terminal): Promise<number> {
  const privateKey = environment[KEY_VARIABLE]
  if (privateKey === undefined || privateKey === '')
    throw new CodedError('CONFIG_INVALID', `expected a private key in ${KEY_VARIABLE}, got none`)
  const document = environment[DOCUMENT_VARIABLE]
  const start = {
    privateKey,
    terms: termsOf(words),
    ...(document === undefined || document === '' ? {} : { document }),
  }
  const args = [SIGNER_MAIN, '--listen', words.listen, ...(words.expose === true ? ['--expose'] : [])]
  // The key goes through the pipe: an environment can be read for as long as a process lives.
  const env = { ...environment, [KEY_VARIABLE]: undefined, [DOCUMENT_VARIABLE]: undefined }
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'inherit', 'inherit'], env })
  child.stdin.on('error', () => undefined)
  child.stdin.write(`${JSON.stringify(start)}\n`)
  return endOf(child)
}

async function endOf(child: ChildProcess): Promise<number> {
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of SIGNALS) process.on(signal, forward)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code ?? EXIT_FAILED
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward)
  }
}
