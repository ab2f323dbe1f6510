import { expect } from 'chai'
import { readEnclaveEndpoint } from '../../../host/enclave-endpoint.ts'

describe('where a host finds its enclave', () => {
  it('is a Unix socket, a TCP port or a vsock port', () => {
    expect(readEnclaveEndpoint('unix:///run/enclave.sock')).to.deep.equal({ kind: 'unix', path: '/run/enclave.sock' })
    expect(readEnclaveEndpoint('tcp://127.0.0.1:5000')).to.deep.equal({ kind: 'tcp', host: '127.0.0.1', port: 5_000 })
    expect(readEnclaveEndpoint('vsock://16:5000')).to.deep.equal({ kind: 'vsock', cid: 16, port: 5_000 })
  })

  const nowhere = [
    '',
    'enclave.sock',
    'unix://enclave.sock',
    'unix:///',
    'tcp://127.0.0.1',
    'tcp://127.0.0.1:65536',
    'tcp://a/b:1',
    'vsock://any:5000',
    'vsock://0:5000',
    'vsock://4294967295:5000',
    'vsock://16',
    'http://127.0.0.1:5000',
  ]
  for (const text of nowhere)
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(readEnclaveEndpoint(text)).to.equal(undefined)
    })
})
