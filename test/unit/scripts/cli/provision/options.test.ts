import { expect } from 'chai'
import { Command } from 'commander'
import { CodedError, isCoded } from '../../../../../enclave/protocol/errors.ts'
import { SIGNER_METHODS } from '../../../../../enclave/protocol/signer-methods.ts'
import {
  ALLOWED_RECIPIENTS_MAX,
  type ProvisionFlags,
  type ProvisionOptions,
  readProvision,
  withProvisionOptions,
} from '../../../../../scripts/cli/provision/options.ts'

const KEY_ARN = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const BROKER = `0x${'b2'.repeat(20)}`
const PAYEES = [`0x${'01'.repeat(20)}`, `0x${'02'.repeat(20)}`, `0x${'03'.repeat(20)}`] as const
/** EIP-55's own example, and the same with one letter in the other case. */
const MIXED = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
const MISTYPED = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed'
const SIGNER = ['--role', 'signer', '--generate', '--chain-id', '42161', '--ticket-broker', BROKER]
const FILES: { readonly [path: string]: string } = {
  '/here/payees.txt': `# who is paid\n${PAYEES[1]}, ${PAYEES[2]} # both\n\n`,
  '/here/empty.txt': '# nobody yet\n',
}

/** The words as an operator types them, through the real parser of options. */
function flagsOf(...words: string[]): ProvisionFlags {
  const command = withProvisionOptions(new Command('provision')).option('--generate').exitOverride()
  return command.parse(words, { from: 'user' }).opts<ProvisionFlags>()
}

function read(...words: string[]): ProvisionOptions {
  const readText = (path: string) => {
    const text = FILES[path]
    if (text === undefined) throw new CodedError('CONFIG_INVALID', path)
    return text
  }
  return readProvision(flagsOf(...words), { typedIn: '/here', readText })
}

function refused(...words: string[]): string {
  try {
    return `accepted: ${JSON.stringify(read(...words))}`
  } catch (error) {
    if (isCoded(error)) return `${error.code}: ${error.message}`
    throw error
  }
}

function termsOf(...words: string[]) {
  const options = read(...SIGNER, ...words)
  return options.role === 'signer' ? options.terms : undefined
}

describe('the options of provisioning', () => {
  it('mean a core that draws its keys, and port 8000, unless they say otherwise', () => {
    expect(read('--generate')).to.deep.equal({ role: 'core', key: { kind: 'generate' }, proxyPort: 8_000 })
    expect(read('--prepare', '--policy', 'policy.json').key).to.deep.equal({ kind: 'later' })
    expect(refused('--prepare')).to.match(/^CONFIG_INVALID/)
    expect(refused('--prepare', '--generate', '--policy', 'policy.json')).to.match(/^CONFIG_INVALID/)
    expect(refused('--role', 'signer', '--prepare')).to.match(/^CONFIG_INVALID/)
  })

  it('take everything that a core has', () => {
    const words = ['--generate', '--endpoint', 'vsock://16:5000', '--kms-key-id', KEY_ARN, '--region', 'eu-west-1']
    const more = ['--key-spec', 'AES-256', '--proxy-port', '8001']
    expect(read(...words, ...more, '--policy', 'policy.json', '--roster', '/there/roster.json')).to.deep.equal({
      role: 'core',
      key: { kind: 'generate' },
      endpoint: 'vsock://16:5000',
      region: 'eu-west-1',
      keyId: KEY_ARN,
      proxyPort: 8_001,
      policy: '/here/policy.json',
      roster: '/there/roster.json',
    })
  })

  it('leave the port of host.json as it is unless another one is typed', () => {
    const from = { typedIn: '/here', readText: () => '', proxyPort: 9_000 }
    expect(readProvision(flagsOf('--generate'), from).proxyPort).to.equal(9_000)
    expect(readProvision(flagsOf('--generate', '--proxy-port', '9001'), from).proxyPort).to.equal(9_001)
  })

  it('expect an address of a key that was made before, and refuse to expect one of a key that is being drawn', () => {
    const imported = read('--role', 'signer', '--ciphertext', 'signer.key', '--expected-address', MIXED)
    expect(imported.expectedAddress).to.equal(MIXED.toLowerCase())
    for (const role of ['core', 'signer'])
      expect(refused('--role', role, '--generate', '--expected-address', MIXED), role).to.match(/^CONFIG_INVALID/)
  })

  it('know the region by the key', () => {
    expect(read('--generate', '--kms-key-id', KEY_ARN).region).to.equal('eu-west-1')
    expect(refused('--generate', '--kms-key-id', KEY_ARN, '--region', 'eu-west-2')).to.match(/^CONFIG_INVALID/)
  })

  it('never import the key of a core', () => {
    for (const words of [['--ciphertext-b64', 'AQID'], ['--ciphertext', 'old.key'], []])
      expect(refused(...words)).to.match(/^CONFIG_INVALID: expected (one of )?--generate/)
    expect(refused('--generate', '--ciphertext-b64', 'AQID')).to.match(/never imported/)
  })

  it('take one source for the key of a signer, and only one', () => {
    const keyOf = (...words: string[]) => read('--role', 'signer', ...words).key
    expect(keyOf('--generate')).to.deep.equal({ kind: 'generate' })
    expect(keyOf('--ciphertext-b64', 'AQID')).to.deep.equal({ kind: 'base64', text: 'AQID' })
    expect(keyOf('--ciphertext', 'signer.key')).to.deep.equal({ kind: 'file', path: '/here/signer.key' })
    for (const words of [[], ['--generate', '--ciphertext', 'a'], ['--ciphertext', 'a', '--ciphertext-b64', 'AQID']])
      expect(refused('--role', 'signer', ...words), words.join(' ')).to.match(/^CONFIG_INVALID: expected one of/)
  })

  it('refuse a ciphertext that is not base64 with its padding, or longer than any', () => {
    for (const text of ['', 'AQI', 'AQI*', 'AQ==ID==', 'A'.repeat(4_100)])
      expect(refused('--role', 'signer', '--ciphertext-b64', text), text.slice(0, 9)).to.match(/^CONFIG_INVALID/)
  })

  it('give a signer its terms under the names that its methods take', () => {
    const limits = ['--max-face-value-eth', '0.1', '--max-total-face-value-eth', '2.5']
    const terms = termsOf('--allowed-recipient', MIXED, '--require-allowlist', ...limits)
    expect(terms).to.deep.equal({
      chain_id: 42_161,
      ticket_broker: BROKER,
      allowed_recipients: [MIXED.toLowerCase()],
      require_allowlist: true,
      max_face_value_wei: '100000000000000000',
      max_total_face_value_wei: '2500000000000000000',
    })
    expect(SIGNER_METHODS.generate.params.safeParse(terms).success).to.equal(true)
  })

  it('leave the terms out where the signer was configured before', () => {
    expect(read('--role', 'signer', '--ciphertext', 'signer.key')).to.not.have.property('terms')
  })

  it('keep every digit of ether, and refuse what lies between two wei', () => {
    const weiOf = (text: string) => termsOf('--max-face-value-eth', text)?.max_face_value_wei
    expect(weiOf('0.000000000000000001')).to.equal('1')
    expect(weiOf('1234567890.123456789012345678')).to.equal('1234567890123456789012345678')
    expect(weiOf('1e-18')).to.equal('1')
    expect(weiOf('0')).to.equal('0')
    for (const text of ['0.0000000000000000001', '1.0000000000000000001', '1e-19', '-1', '1e21', 'one', '', '1,5'])
      expect(refused(...SIGNER, `--max-face-value-eth=${text}`), text).to.match(/^(CONFIG_INVALID|AMOUNT_SYNTAX)/)
  })

  it('collect recipients from options and a file, each once and in order', () => {
    const [first, second, third] = PAYEES
    const terms = termsOf('--allowed-recipient', second, first, '--allowed-recipients-file', 'payees.txt')
    expect(terms?.allowed_recipients).to.deep.equal([first, second, third])
    expect(termsOf('--allowed-recipient', first, '--allowed-recipient', third)?.allowed_recipients).to.have.length(2)
  })

  it('refuse a file of recipients that names none, which must not read as anyone', () => {
    expect(refused(...SIGNER, '--allowed-recipients-file', 'empty.txt')).to.match(/^CONFIG_INVALID/)
    expect(refused(...SIGNER, '--allowed-recipients-file', 'missing.txt')).to.match(/^CONFIG_INVALID/)
  })

  it('refuse an address that is mistyped, short or zero, wherever one stands', () => {
    const imported = ['--role', 'signer', '--ciphertext', 'a', '--chain-id', '42161', '--ticket-broker', BROKER]
    for (const option of ['--expected-address', '--ticket-broker', '--allowed-recipient']) {
      expect(refused(...imported, option, MIXED), option).to.match(/^accepted/)
      for (const text of [MISTYPED, BROKER.slice(0, -1), `0x${'00'.repeat(20)}`, 'livepeer.eth'])
        expect(refused(...imported, option, text), `${option} ${text}`).to.match(/^CONFIG_INVALID/)
    }
  })

  it('refuse more recipients than a signer holds', () => {
    const many = Array.from(
      { length: ALLOWED_RECIPIENTS_MAX + 1 },
      (_, at) => `0x${(at + 1).toString(16).padStart(40, '0')}`,
    )
    expect(termsOf('--allowed-recipient', ...many.slice(1))?.allowed_recipients).to.have.length(ALLOWED_RECIPIENTS_MAX)
    expect(refused(...SIGNER, '--allowed-recipient', ...many)).to.match(/^CONFIG_INVALID/)
  })

  it('refuse limits of a signer without chain or broker, and for a core', () => {
    expect(refused('--role', 'signer', '--generate', '--max-face-value-eth', '1')).to.match(/^CONFIG_INVALID/)
    expect(refused('--role', 'signer', '--generate', '--chain-id', '1')).to.match(/^CONFIG_INVALID/)
    for (const words of [['--chain-id', '1'], ['--ticket-broker', BROKER], ['--require-allowlist']])
      expect(refused('--generate', ...words), words[0]).to.match(/^CONFIG_INVALID: .*enclave\.json/)
    expect(refused(...SIGNER, '--policy', 'policy.json')).to.match(/^CONFIG_INVALID/)
  })

  it('refuse a number, a role, a key specification and an endpoint that are none', () => {
    const wrong = [
      ['--proxy-port', '0'],
      ['--proxy-port', '4294967295'],
      ['--proxy-port', '80a'],
      ['--role', 'vault'],
      ['--key-spec', 'RSA_2048'],
      ['--endpoint', 'http://localhost'],
      ['--endpoint', 'vsock://16'],
      ['--kms-key-id', 'alias/ledger'],
    ]
    for (const words of wrong) expect(refused('--generate', ...words), words.join(' ')).to.match(/^CONFIG_INVALID/)
    expect(refused(...SIGNER, '--chain-id', '9007199254740992')).to.match(/^CONFIG_INVALID/)
  })

  it('say where the two options of the replaced script went that are no options any more', () => {
    expect(refused('--generate', '--credit-reporter', BROKER)).to.match(/^CONFIG_INVALID: .*`reporters`/)
    expect(refused('--generate', '--require-credit-signature')).to.match(/^CONFIG_INVALID: .*"credits": "signed"/)
  })
})
