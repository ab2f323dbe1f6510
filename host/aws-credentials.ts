/**
 * The credentials that KMS is asked with: of the environment, else of the instance's role by IMDSv2. They decide whether
 * KMS answers, never what the enclave believes. They go into no log line, and into no error.
 */
import { fromInstanceMetadata } from '@smithy/credential-provider-imds'
import { CodedError, refuse } from '../enclave/protocol/errors.ts'

export const IMDS_TIMEOUT_MS = 5_000

export type AwsCredentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
}

type Environment = { readonly [name: string]: string | undefined }

const QUIET = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore }

/**
 * Asked anew at each call: a role's credentials last for hours, a provisioning or a boot for seconds. Where the metadata
 * service listens is read by its client from AWS_EC2_METADATA_SERVICE_ENDPOINT. Refuses AWS_CREDENTIALS.
 */
export async function awsCredentials(environment: Environment): Promise<AwsCredentials> {
  const given = fromEnvironment(environment)
  if (given !== undefined) return given
  if (environment['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true')
    refuse(
      'AWS_CREDENTIALS',
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where AWS_EC2_METADATA_DISABLED is set',
      'none',
    )
  return fromInstanceRole()
}

function fromEnvironment(environment: Environment): AwsCredentials | undefined {
  const set = (name: string) => (environment[name] === '' ? undefined : environment[name])
  const accessKeyId = set('AWS_ACCESS_KEY_ID')
  const secretAccessKey = set('AWS_SECRET_ACCESS_KEY')
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing = accessKeyId === undefined ? 'AWS_ACCESS_KEY_ID' : 'AWS_SECRET_ACCESS_KEY'
    refuse('AWS_CREDENTIALS', 'AWS_ACCESS_KEY_ID together with AWS_SECRET_ACCESS_KEY', `no ${missing}`)
  }
  return { accessKeyId, secretAccessKey, sessionToken: set('AWS_SESSION_TOKEN') }
}

async function fromInstanceRole(): Promise<AwsCredentials> {
  // Without a token of IMDSv2 any request that can be tricked out of this machine would read the role's keys.
  const provider = fromInstanceMetadata({
    timeout: IMDS_TIMEOUT_MS,
    maxRetries: 0,
    ec2MetadataV1Disabled: true,
    logger: QUIET,
  })
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await provider()
    return { accessKeyId, secretAccessKey, sessionToken }
  } catch (error) {
    throw new CodedError(
      'AWS_CREDENTIALS',
      `expected credentials in the environment or from the instance's metadata service, got ${reasonOf(error)}`,
    )
  }
}

/** Never the error itself: that of a parser quotes what it could not parse, which may be half a secret. */
function reasonOf(error: unknown): string {
  const { name, statusCode } = error as { readonly name?: unknown; readonly statusCode?: unknown }
  if (typeof statusCode === 'number') return `status ${statusCode} (404: the instance has no role)`
  if (name === 'InstanceMetadataV1FallbackError') return 'no token: it is unreachable, or does not speak IMDSv2'
  return name === 'SyntaxError' ? 'an answer that is no JSON' : 'an answer that holds no credentials, or none in time'
}

function ignore(): void {
  // The client of the metadata service would print warnings of its own.
}
