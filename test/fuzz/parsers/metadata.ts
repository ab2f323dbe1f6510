/** What the metadata service of an instance says, or whatever else listens at its place: a token, a role, credentials. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { awsCredentials } from '../../../host/aws-credentials.ts'
import type { Dice } from '../../../scripts/journal/dice.ts'
import { bytesOf, demand, judgedLater, type Target, textOf } from '../engine/target.ts'
import { changeBytes, changeInside, randomBytes } from '../mutations.ts'
import { packed, unpacked } from './packing.ts'

const ENDPOINT_VARIABLE = 'AWS_EC2_METADATA_SERVICE_ENDPOINT'
const TOKEN = 'a token of the second version'
const ROLE = 'anchorhold-host'
const CREDENTIALS = {
  Code: 'Success',
  AccessKeyId: 'ROLEACCESSKEY',
  SecretAccessKey: 'the secret of a role',
  Token: 'the session token of a role',
  Expiration: '2099-01-01T00:00:00Z',
}
const HONEST: readonly Uint8Array[] = [TOKEN, ROLE, JSON.stringify(CREDENTIALS)].map(bytesOf)
const STATUSES = [200, 200, 200, 200, 201, 301, 400, 401, 403, 404, 500]

/** A status for each of the three questions, then what each is answered with. */
function inputOf(statuses: readonly number[], bodies: readonly Uint8Array[]): Uint8Array {
  return packed([Uint8Array.from(statuses), ...bodies])
}

function someAnswers(dice: Dice): Uint8Array {
  const statuses = HONEST.map(() => (dice.below(3) > 0 ? 0 : dice.below(STATUSES.length)))
  const bodies = HONEST.map((body) =>
    dice.below(3) > 0 ? body : dice.below(2) === 0 ? changeInside(dice, body) : randomBytes(dice),
  )
  return inputOf(statuses, bodies)
}

type Place = { readonly server: Server; input: Uint8Array; asked: string[] }

let place: Place | undefined

async function thePlace(): Promise<Place> {
  if (place !== undefined) return place
  const server = createServer((request, response) => answer(request, response))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
  // Of this thread alone.
  process.env[ENDPOINT_VARIABLE] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  place = { server, input: new Uint8Array(0), asked: [] }
  return place
}

/** The nth question gets the nth answer; one without a token is noted, and answered all the same. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const { input, asked } = place as Place
  const at = asked.length
  asked.push(request.method === 'PUT' || request.headers['x-aws-ec2-metadata-token'] !== undefined ? 'with' : 'without')
  const [statuses = new Uint8Array(0), ...bodies] = unpacked(input)
  response.writeHead(STATUSES[(statuses[at] ?? 0) % STATUSES.length] as number).end(bodies[at] ?? '')
}

const imds: Target = {
  name: 'imds',
  claim:
    'takes credentials for texts of the whole answer or refuses it, quotes none of it, and asks nothing without a token',
  inputs: 200,
  seeds: () => [
    inputOf([0, 0, 0], HONEST),
    inputOf([0, 0, 9], HONEST),
    inputOf([9, 0, 0], HONEST),
    inputOf([0, 0, 0], [TOKEN, `${ROLE}\n`, '{}'].map(bytesOf)),
  ],
  generate: someAnswers,
  mutate: (dice, input) => {
    const [statuses = new Uint8Array(3), ...given] = unpacked(input)
    const bodies = HONEST.map((_, number) => given[number] ?? new Uint8Array(0))
    const at = dice.below(HONEST.length)
    bodies[at] = (dice.below(2) === 0 ? changeBytes : changeInside)(dice, bodies[at] ?? new Uint8Array(0))
    return inputOf([...statuses], bodies)
  },
  run: async (input) => {
    const at = await thePlace()
    at.input = input
    at.asked = []
    const outcome = await judgedLater(
      () => quietly(() => awsCredentials({}), input),
      ['AWS_CREDENTIALS'],
      (read) => {
        for (const text of [read.accessKeyId, read.secretAccessKey, read.sessionToken ?? ''])
          demand(typeof text === 'string', 'texts')
        const {
          AccessKeyId: id,
          SecretAccessKey: secret,
          Token: token,
        } = JSON.parse(textOf(unpacked(input)[3] ?? input))
        demand(read.accessKeyId === id && read.secretAccessKey === secret && read.sessionToken === token, 'what came')
      },
    )
    demand(!at.asked.includes('without'), 'every question but the first carries a token')
    return outcome
  },
  close: async () => {
    const { server } = await thePlace()
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    delete process.env[ENDPOINT_VARIABLE]
    place = undefined
  },
}

const QUOTED_CHARACTERS_MIN = 8

/** A refusal as a log would show it holds no piece of the answer that could be one of a secret. */
async function quietly<T>(ask: () => Promise<T>, input: Uint8Array): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    const { message, cause } = error as Error
    const said = `${message} ${String(cause)}`
    const body = textOf(unpacked(input)[3] ?? new Uint8Array(0))
    for (let from = 0; from + QUOTED_CHARACTERS_MIN <= body.length; from++)
      demand(!said.includes(body.slice(from, from + QUOTED_CHARACTERS_MIN)), 'no part of the answer is quoted')
    throw error
  }
}

export const METADATA: readonly Target[] = [imds]
