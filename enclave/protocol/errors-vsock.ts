/** Failures of what Node does not have: AF_VSOCK sockets, the device of the NSM, the kernel's clock. See errors.ts. */
export const VSOCK_ERRORS = {
  VSOCK_UNAVAILABLE: {
    meaning:
      'The addon for AF_VSOCK and /dev/nsm cannot be built or loaded here, or the kernel keeps the sockets back.',
    action: 'Install what the message names, or use a unix:// or tcp:// endpoint; `anchorhold bridge` leads to vsock.',
    retry: 'never',
  },
  VSOCK_CONNECT: {
    meaning: 'Nobody answered at a vsock address, or not in time.',
    action: 'Check that the enclave runs, and its CID and port; then connect again.',
    retry: 'later',
  },
  CLOCK_SET: {
    meaning: "The kernel did not let the enclave set the machine's clock.",
    action: 'Run the image as a Nitro Enclave, where its process has every right.',
    retry: 'never',
  },
} as const
