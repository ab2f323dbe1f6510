/** The words of `anchorhold attest`. */
import { type Command, InvalidArgumentError } from 'commander'
import { type Flags, type Run, show, withJson } from '../command.ts'
import { showAnswer, type VerifyWords, verifyAnswer } from './attest.ts'

const AGE_SECONDS = 300
const SKEW_SECONDS = 30
const COUNT_MAX = 1_000_000_000_000
const LEDGER = 'the ledger that it has to serve'

export function addAttest(program: Command, run: Run): void {
  const attest = program
    .command('attest')
    .description('attestation documents: what an enclave is, on the word of its hardware')
  addVerify(attest, run)
  withJson(
    attest
      .command('show')
      .description('what a document says, UNVERIFIED')
      .argument('<file>', 'or - for standard input'),
  ).action(async (file: string, flags: Flags) => {
    show(await showAnswer(file, run.terminal), flags, run)
  })
}

function addVerify(attest: Command, run: Run): void {
  withJson(
    attest
      .command('verify')
      .description('judge a document under the root of AWS; exit code 0 when it meets every demand'),
  )
    .option('--document <file>', 'bytes or base64, or - for standard input')
    .option('--url <url>', 'an api that gives documents, such as http://HOST/api/tee/core/attestation')
    .option('--nonce <hex>', 'the nonce that it has to carry; auto draws one and asks --url with it')
    .requiredOption('--measurements <file>', 'the images that are allowed, from the published release')
    .option('--archived', 'at its own time: whether it was genuine, and nothing about the present')
    .option('--at <time>', 'as of this time in place of now')
    .option('--max-age-seconds <count>', 'how old it may be', count, AGE_SECONDS)
    .option('--max-skew-seconds <count>', 'how far ahead its clock may be', count, SKEW_SECONDS)
    .option('--expect <file>', 'what user_data and public_key have to say')
    .option('--rpc <url>', `${LEDGER}: an endpoint of its chain`)
    .option('--anchor <address>', `${LEDGER}: its contract`)
    .option('--from-block <number>', 'where to look for the session of an archived document', count, 0)
    .option('--revoked <file>', 'certificates that count no more')
    .option('--check-instance', 'PCR4 has to be that of the module id')
    .option('--allow-debug', 'let debug mode pass, where the host reads the enclave: for tests')
    .action(async (words: VerifyWords & Flags) => {
      show(await verifyAnswer(words, run.terminal), words, run)
    })
}

function count(text: string): number {
  const value = /^\d{1,13}$/.test(text) ? Number.parseInt(text, 10) : -1
  if (value < 0 || value > COUNT_MAX) throw new InvalidArgumentError(`Expected 0 to ${COUNT_MAX}.`)
  return value
}
