/**
 * An enclave process put together as enclave/main.ts does it, on a machine whose clock somebody steers. What differs: its
 * NSM is a development one that knows the true time, and keys lie beside it. It says what it decided on its ready line.
 *
 *   node steered-enclave.ts '{"listen","wrappingKey","trueMs","root","servers"}'
 */
import { get } from 'node:https'
import { answerBoot } from '../../enclave/boot.ts'
import { drawDevelopmentRoot } from '../../enclave/development/chain.ts'
import { openDevelopmentKms } from '../../enclave/development/kms.ts'
import { openDevelopmentNsm } from '../../enclave/development/nsm-device.ts'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { newBootOf } from '../../enclave/roles.ts'
import type { Clock } from '../../enclave/shell/clock.ts'
import { mixedEntropy, randomBytes } from '../../enclave/shell/entropy.ts'
import { installFastHashes } from '../../enclave/shell/fast-hashes.ts'
import { kmsAgent } from '../../enclave/shell/kms-tls.ts'
import { setKernelClock } from '../../enclave/shell/native/kernel-clock.ts'
import { openNsm } from '../../enclave/shell/nsm.ts'
import { attestedMs, attestSelf, refuseDebug } from '../../enclave/shell/self-attestation.ts'
import { listen } from '../../enclave/shell/transport.ts'
import { openTrustedClock } from '../../enclave/shell/trusted-clock.ts'
import { filled, pinOf, selfVerifierUnder } from '../builders/attestation.ts'
import { openPipeTo, REGION } from '../stand-ins/kms/start.ts'

export type Orders = {
  readonly listen: string
  readonly wrappingKey: string
  /** The time of the NSM when the process began. */
  readonly trueMs: number
  /** PEM. */
  readonly root: string
  /** Endpoints that call themselves KMS. */
  readonly servers: readonly string[]
}

export type Ready = {
  /** The machine's clock as the process found it, and after boot. */
  readonly foundMs: number
  readonly leftMs: number
  /** Of each server, in order. */
  readonly verdicts: readonly string[]
}

const startedMs = performance.now()

async function main(orders: Orders): Promise<void> {
  const foundMs = Date.now()
  await installFastHashes()
  const root = drawDevelopmentRoot(randomBytes)
  const pcrs = new Map([0, 1, 2].map((index) => [index, filled(index + 1)]))
  const trueTime = (): number => orders.trueMs + Math.floor(performance.now() - startedMs)
  const nsm = openNsm(openDevelopmentNsm({ root, pcrs, clock: trueTime }))
  const verify = selfVerifierUnder(pinOf(root))
  const self = attestSelf(nsm, verify, { recipientKeyDer: null })
  refuseDebug(self)
  await setKernelClock(self.timeMs)
  const clock = openTrustedClock({
    documentMs: () => attestedMs(nsm, verify),
    monotonicMs: () => performance.now(),
  })
  const boot = newBootOf({
    nsm,
    imageDigest: self.imageDigest,
    recipient: null,
    entropy: mixedEntropy(nsm),
    clock,
    releaseOf: () => openDevelopmentKms(orders.wrappingKey, randomBytes),
    signerReleaseOf: () => {
      throw new Error('no signer here')
    },
    report: (error) => void process.stderr.write(`${String(error)}\n`),
  })
  const verdicts: string[] = []
  for (const server of orders.servers) verdicts.push(await verdictOn(server, orders.root, clock))
  await listen(orders.listen, async (request) => answerBoot(boot, request))
  const ready: Ready = { foundMs, leftMs: Date.now(), verdicts }
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}

/** `accepted`, or the code with which the way to KMS is refused. */
async function verdictOn(server: string, root: string, clock: Clock): Promise<string> {
  const agent = kmsAgent({ region: REGION, roots: [root], clock, openPipe: () => openPipeTo(server) })
  try {
    await new Promise((resolve, reject) => {
      get({ host: 'localhost', port: 1, path: '/', agent }, (answer) => answer.resume().on('end', resolve)).on(
        'error',
        reject,
      )
    })
    return 'accepted'
  } catch (error) {
    if (isCoded(error)) return error.code
    throw error
  } finally {
    agent.destroy()
  }
}

process.stdin.on('end', () => process.exit(0)).resume()
await main(JSON.parse(process.argv[2] ?? '{}') as Orders)
