/** Refusals of what outsiders sign: credits, registrations, the acts of admins, rotations. See errors.ts. */
export const AUTHORITY_ERRORS = {
  SIGNER_MISMATCH: {
    meaning: 'A signature was not made by the address that has to sign, for this ledger, over these very fields.',
    action: 'Sign the EIP-712 struct under the domain of this chain and anchor; compare every field.',
    retry: 'never',
  },
  QUORUM_INVALID: {
    meaning: 'The signatures are not exactly those of a quorum of admins, distinct and ascending by address.',
    action: 'Collect as many signatures as the policy in force asks for, and sort them by signer.',
    retry: 'never',
  },
  COUNTER_MISMATCH: {
    meaning: 'A signed act does not carry the next number of its counter: it was done before, or one is missing.',
    action: 'Read the counter from `status` or `balance` and sign with the next number.',
    retry: 'never',
  },
  SIGNATURE_EXPIRED: {
    meaning: 'The time in notAfter has passed.',
    action: 'Sign again with a later notAfter; the number was not used up.',
    retry: 'never',
  },
  REPORTER_UNKNOWN: {
    meaning: 'The policy in force names no such reporter.',
    action: 'Have a quorum add the reporter by set_policy.',
    retry: 'later',
  },
  CREDIT_CAP: {
    meaning: "A credit passes its reporter's cap for the window or for all time.",
    action: 'Wait for the window, or have a quorum raise the cap; then credit again under a new number.',
    retry: 'never',
  },
  BATCH_INVALID: {
    meaning: 'A credit batch is too large for one record, or overlaps credits that were taken before.',
    action: 'Begin at the next sequence of the reporter, and send fewer credits under one signature.',
    retry: 'never',
  },
  REGISTRATION_DENIED: {
    meaning: 'The policy in force does not allow this way of registration, or the co-signer is no registrar.',
    action: 'Register by a way that the policy allows.',
    retry: 'later',
  },
  RECIPIENT_PINNED: {
    meaning: 'The account has a recipient already.',
    action: 'Change it by change_recipient, signed by the old recipient or by a quorum.',
    retry: 'never',
  },
  RECIPIENT_FORBIDDEN: {
    meaning:
      'Nothing can be paid to this recipient: zero, the anchor, the broker, the authority, or not the address that the id is.',
    action: 'Name another recipient.',
    retry: 'never',
  },
  POLICY_SUPERSEDED: {
    meaning: 'The policy was signed as the successor of another one than the policy in force.',
    action: 'Sign it again with the hash of the policy in force.',
    retry: 'never',
  },
  POLICY_FIXED: {
    meaning: 'A policy change touches what cannot change: chain, anchor, broker, or the way back to journal credits.',
    action: 'Leave these fields as they are.',
    retry: 'never',
  },
  RESET_MISMATCH: {
    meaning: 'A journal reset was signed for another place of the journal than the cursor has.',
    action: 'Read journalSize and journalHead from `status` and sign for them.',
    retry: 'never',
  },
  ROTATION_INVALID: {
    meaning:
      'A rotation names keys, a configuration, an image or an epoch that are not those at hand, or comes without approval.',
    action: 'Have a quorum sign a RotateApproval for exactly these values.',
    retry: 'never',
  },
  NO_HEADER: {
    meaning: 'There is no header to prove a balance against: none yet, or the newest one never landed.',
    action: 'Ask again after the next commit.',
    retry: 'later',
  },
  VERSION_OLDER: {
    meaning: 'The bytes carry a rule generation that is too old for this image.',
    action: 'Read them with the release that wrote them.',
    retry: 'never',
  },
} as const
