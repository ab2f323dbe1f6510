import { expect } from 'chai'
import { CID_ANY, parseVsock, vsockText } from '../../../../enclave/shell/native/vsock-address.ts'

describe('an address of AF_VSOCK', () => {
  const written: readonly (readonly [text: string, cid: number, port: number])[] = [
    ['vsock://16:5000', 16, 5_000],
    ['vsock://any:5000', CID_ANY, 5_000],
    ['vsock://3:0', 3, 0],
    ['vsock://4294967294:4294967294', 4_294_967_294, 4_294_967_294],
  ]
  for (const [text, cid, port] of written)
    it(`is read from ${text} and written back`, () => {
      expect(parseVsock(text)).to.deep.equal({ cid, port })
      expect(vsockText({ cid, port })).to.equal(text)
    })

  it('with CID 0 means any, as the replaced system wrote it', () => {
    expect(parseVsock('vsock://0:5000')).to.deep.equal({ cid: CID_ANY, port: 5_000 })
  })

  const foreign = [
    'vsock://16',
    'vsock://:5000',
    'vsock://16:',
    'vsock://-1:5000',
    'vsock://0x10:5000',
    'vsock://16:5000/',
    'vsock://16:50 00',
    'vsock://16.0:5000',
    'vsock://Any:5000',
    'vsock://4294967296:5000',
    'vsock://16:4294967295',
    'vsock://99999999999:5000',
    'VSOCK://16:5000',
    ' vsock://16:5000',
    'vsock://16:5000\n',
    'tcp://16:5000',
  ]
  for (const text of foreign)
    it(`is not read from ${JSON.stringify(text)}`, () => {
      expect(parseVsock(text)).to.equal(undefined)
    })
})
