/** Addresses of AF_VSOCK as text: vsock://<cid>:<port>. A machine is a number here, the CID; so is its port. */

export type VsockAddress = { readonly cid: number; readonly port: number }

/** Every CID of this machine (VMADDR_CID_ANY): for listening only. */
export const CID_ANY = 0xffff_ffff
/** This machine, where the kernel has loopback (VMADDR_CID_LOCAL). */
export const CID_LOCAL = 1
/** The machine under an ordinary guest, as the guest sees it (VMADDR_CID_HOST). */
export const CID_HOST = 2
/** The parent instance, as an enclave of Nitro sees it. */
export const CID_PARENT = 3
/** Lets the kernel choose (VMADDR_PORT_ANY). As everywhere else, port 0 asks for it. */
export const PORT_ANY = 0xffff_ffff

const FORM = /^vsock:\/\/(any|[0-9]{1,10}):([0-9]{1,10})$/
/** The system replaced by this one wrote vsock://0:5000 for "any". CID 0 is the hypervisor's, where nobody can listen. */
const CID_ANY_WORDS: readonly string[] = ['any', '0']

/** Reads vsock://<cid>:<port> and vsock://any:<port>; undefined for anything else. */
export function parseVsock(text: string): VsockAddress | undefined {
  const [, cidText = '', portText = ''] = FORM.exec(text) ?? []
  if (portText === '') return undefined
  const cid = CID_ANY_WORDS.includes(cidText) ? CID_ANY : Number.parseInt(cidText, 10)
  const port = Number.parseInt(portText, 10)
  return cid > CID_ANY || port >= PORT_ANY ? undefined : { cid, port }
}

/** The text that parseVsock reads back. */
export function vsockText({ cid, port }: VsockAddress): string {
  return `vsock://${cid === CID_ANY ? 'any' : cid}:${port}`
}
