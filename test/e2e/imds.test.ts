import { expect } from 'chai'
import { isCoded } from '../../enclave/protocol/errors.ts'
import { type AwsCredentials, awsCredentials } from '../../host/aws-credentials.ts'
import { type Imds, type ImdsOptions, ROLE_CREDENTIALS, ROLE_NAME, startImds } from './imds-server.ts'

const ENDPOINT_VARIABLE = 'AWS_EC2_METADATA_SERVICE_ENDPOINT'
/** The limit of the client, once, and what a busy machine adds. */
const SILENT_MS_MAX = 120_000
const OWN = { AWS_ACCESS_KEY_ID: 'OWNACCESSKEY', AWS_SECRET_ACCESS_KEY: 'a secret of our own' }

describe('the credentials of AWS', () => {
  const before = process.env[ENDPOINT_VARIABLE]
  let imds: Imds | undefined

  afterEach(async () => {
    await imds?.stop()
    imds = undefined
    if (before === undefined) delete process.env[ENDPOINT_VARIABLE]
    else process.env[ENDPOINT_VARIABLE] = before
  })

  async function listening(options: ImdsOptions = {}): Promise<Imds> {
    imds = await startImds(options)
    process.env[ENDPOINT_VARIABLE] = imds.endpoint
    return imds
  }

  /** The refusal as a log would show it, its causes included. */
  async function refusal(call: Promise<AwsCredentials>): Promise<string> {
    try {
      const { accessKeyId } = await call
      return `accepted ${accessKeyId}`
    } catch (error) {
      if (!isCoded(error)) throw error
      const causes = error.cause === undefined ? '' : `, because ${String(error.cause)}`
      return `${error.code}: ${error.message}${causes}`
    }
  }

  it('are those of the environment, and the metadata service is not asked', async () => {
    const { asked } = await listening()
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = OWN
    expect(await awsCredentials(OWN)).to.deep.equal({ accessKeyId, secretAccessKey, sessionToken: undefined })
    const { sessionToken } = await awsCredentials({ ...OWN, AWS_SESSION_TOKEN: 'a token of our own' })
    expect(sessionToken).to.equal('a token of our own')
    expect(asked).to.deep.equal([])
  })

  it('are refused when the environment holds one half, instead of asking elsewhere', async () => {
    const { asked } = await listening()
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])
      for (const half of ['', undefined])
        expect(await refusal(awsCredentials({ ...OWN, [name]: half }))).to.match(/^AWS_CREDENTIALS: .*no AWS_/)
    expect(asked).to.deep.equal([])
  })

  it('are else those of the role, asked for with a token that lives 21,600 seconds', async () => {
    const { asked } = await listening()
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken } = ROLE_CREDENTIALS
    expect(await awsCredentials({})).to.deep.equal({ accessKeyId, secretAccessKey, sessionToken })
    const path = '/latest/meta-data/iam/security-credentials/'
    expect(asked).to.deep.equal(['PUT /latest/api/token', `GET ${path}`, `GET ${path}${ROLE_NAME}`])
  })

  it('are asked for anew each time, so that renewed ones are seen', async () => {
    const { asked } = await listening()
    await awsCredentials({})
    await awsCredentials({})
    expect(asked).to.have.length(6)
  })

  it('are never taken from a service of the first version, which asks for no token', async () => {
    const { asked } = await listening({ kind: 'no token' })
    expect(await refusal(awsCredentials({}))).to.match(/^AWS_CREDENTIALS: .*IMDSv2/)
    expect(asked).to.deep.equal(['PUT /latest/api/token'])
  })

  it('are refused on an instance without a role, naming the status', async () => {
    await listening({ kind: 'no role' })
    expect(await refusal(awsCredentials({}))).to.match(/^AWS_CREDENTIALS: .*status 404/)
  })

  it('are refused where nothing listens', async () => {
    const { endpoint } = await listening()
    await imds?.stop()
    imds = undefined
    process.env[ENDPOINT_VARIABLE] = endpoint
    expect(await refusal(awsCredentials({}))).to.match(/^AWS_CREDENTIALS: /)
  })

  it('are refused when the service takes the question and never answers', async function () {
    this.timeout(SILENT_MS_MAX)
    await listening({ kind: 'silent' })
    expect(await refusal(awsCredentials({}))).to.match(/^AWS_CREDENTIALS: /)
  })

  it('are not looked for on the network where the environment forbids it', async () => {
    const { asked } = await listening()
    expect(await refusal(awsCredentials({ AWS_EC2_METADATA_DISABLED: 'true' }))).to.match(/^AWS_CREDENTIALS: /)
    expect(asked).to.deep.equal([])
  })

  it('are not quoted in the refusal of an answer that is broken', async () => {
    const whole = JSON.stringify(ROLE_CREDENTIALS)
    const { Token: _, ...incomplete } = ROLE_CREDENTIALS
    const broken = [
      whole.slice(0, -1),
      whole.slice(1),
      ROLE_CREDENTIALS.SecretAccessKey,
      JSON.stringify(incomplete),
      'null',
      '[]',
    ]
    for (const credentials of broken) {
      await listening({ credentials })
      const said = await refusal(awsCredentials({}))
      expect(said).to.match(/^AWS_CREDENTIALS: /)
      expect(said).to.not.contain('secret of').and.not.contain('session token')
      await imds?.stop()
      imds = undefined
    }
  })
})
