/** Refusals of the signer role. Each names both values. See errors.ts. */
export const SIGNER_ERRORS = {
  SIGNER_POLICY: {
    meaning: 'What was to be signed does not fit the policy that the signer was provisioned with.',
    action: 'Compare both values. Another policy takes another provisioning, with the key owner’s hand in it.',
    retry: 'never',
  },
  SIGNER_TRANSACTION: {
    meaning: 'A transaction to be signed does not have its form; the message names the field.',
    action: 'Send chainId, nonce, gas, to, value, data and either gasPrice or both fees, and nothing else.',
    retry: 'never',
  },
  SIGNER_CALLDATA: {
    meaning: 'The data of a transaction is not the one encoding of a call that the signer reads.',
    action: 'Encode the call by the ABI of the TicketBroker, with nothing behind it.',
    retry: 'never',
  },
  SIGNER_TICKET: {
    meaning: 'A hash is signed only with the ticket that it is the hash of.',
    action: 'Send all fields of the ticket beside message_hash; see docs/SIGNER.md.',
    retry: 'never',
  },
} as const
