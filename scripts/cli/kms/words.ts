/** The words of `anchorhold kms`. Thin: options in, one answer out. */
import type { Command } from 'commander'
import { type Run, show, withJson } from '../command.ts'
import {
  type CanaryWords,
  canaryAnswer,
  canaryRunAnswer,
  iamAnswer,
  lintAnswer,
  type PolicyWords,
  pcr3Answer,
  pcr16Answer,
  policyAnswer,
} from './kms.ts'

type Json = { readonly json?: boolean }

export function addKms(program: Command, run: Run): void {
  const kms = program.command('kms').description('the KMS key of a ledger: who may use it, and who tries in vain')
  addPolicy(kms, run)
  addLint(kms, run)
  addRoles(kms, run)
  addCanary(kms, run)
}

function addPolicy(kms: Command, run: Run): void {
  withJson(kms.command('policy').description('the key policy for measured images'))
    .requiredOption('--measurements <file>', 'anchorhold-measurements/1, as the release publishes it')
    .option('--image <names...>', 'only these images of it')
    .requiredOption('--role-arn <arn>', 'of the instance that the enclave runs on')
    .requiredOption('--admin-arn <arns...>', 'who may change the policy, and use nothing')
    .option('--config <hash>', 'the configuration hash that ciphertexts are bound to')
    .option('--enclave-config <file>', 'enclave.json: pins ledger, configuration, role, purposes and key version')
    .option('--key-version <numbers...>', 'instead of the configuration’s; two of them during a rotation')
    .option('--import-arn <arn>', 'who may encrypt an imported key; for that step only')
    .option('--out <file>', 'a new file')
    .action(async ({ json, ...words }: PolicyWords & Json) => {
      show(await policyAnswer(words, run.terminal), { json: json === true }, run)
    })
}

function addLint(kms: Command, run: Run): void {
  withJson(kms.command('lint').description('holes in a key policy; exit code 1 where there is one'))
    .argument('<file>', 'the policy, as aws kms get-key-policy gives it')
    .option('--measurements <file>', 'the images that the key is meant for')
    .action(async (file: string, { json, measurements }: Json & { readonly measurements?: string }) => {
      show(await lintAnswer(file, measurements, run.terminal), { json: json === true }, run)
    })
}

function addRoles(kms: Command, run: Run): void {
  withJson(kms.command('pcr3').description('what enclaves on an instance of this role measure as PCR3'))
    .requiredOption('--role-arn <arn>', 'of the instance')
    .action(({ json, roleArn }: Json & { readonly roleArn: string }) => {
      show(pcr3Answer(roleArn), { json: json === true }, run)
    })
  withJson(kms.command('pcr16').description('what an enclave measures as PCR16 that was told this configuration'))
    .requiredOption('--enclave-config <file>', 'enclave.json, or the answer of anchorhold signer --config-only --json')
    .action(async ({ json, enclaveConfig }: Json & { readonly enclaveConfig: string }) => {
      show(await pcr16Answer(enclaveConfig, run.terminal), { json: json === true }, run)
    })
  withJson(kms.command('iam').description('the permissions of the instance’s role: two actions on one key'))
    .requiredOption('--key-arn <arn>', 'the full ARN of the key')
    .option('--out <file>', 'a new file')
    .action(async ({ json, keyArn, out }: Json & { readonly keyArn: string; readonly out?: string }) => {
      show(await iamAnswer(keyArn, out, run.terminal), { json: json === true }, run)
    })
}

function addCanary(kms: Command, run: Run): void {
  const canary = kms.command('canary').description('identities outside the enclave that must get nowhere')
  withJson(canary.command('template', { isDefault: true }).description('trust and permissions of a canary’s role'))
    .requiredOption('--key-arn <arn>', 'the full ARN of the key')
    .requiredOption('--assumed-by-arn <arn>', 'who runs the canary')
    .action(({ json, keyArn, assumedByArn }: Json & { readonly keyArn: string; readonly assumedByArn: string }) => {
      show(canaryAnswer(keyArn, assumedByArn), { json: json === true }, run)
    })
  withJson(canary.command('run').description('try the key; exit code 1 when it opens, 2 when that stays unknown'))
    .requiredOption('--enclave-config <file>', 'enclave.json: the right context, and the key unless it is named')
    .requiredOption('--ciphertext <file>', 'a key ciphertext of the ledger, as bytes or base64')
    .option('--region <name>', 'instead of the configuration’s')
    .option('--key-id <arn>', 'instead of the configuration’s')
    .option('--document <file>', 'a genuine attestation document of another image, as bytes or base64')
    .action(async ({ json, ...words }: CanaryWords & Json) => {
      show(await canaryRunAnswer(words, run.terminal), { json: json === true }, run)
    })
}
