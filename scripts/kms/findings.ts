/** What the linter of key policies can find. The id stays; the sentence says what to do. */

export type Severity = 'error' | 'warning'
type Entry = { readonly severity: Severity; readonly action: string }

export const FINDINGS = {
  NOT_A_POLICY: { severity: 'error', action: 'Give one JSON object with Version and Statement, every key once.' },
  VERSION: { severity: 'error', action: 'Set Version to 2012-10-17: older ones read conditions otherwise.' },
  ELEMENT_UNKNOWN: { severity: 'error', action: 'Remove or correct the element; names are case-sensitive here.' },
  ELEMENT_FORM: { severity: 'error', action: 'Give the element the form that IAM documents for it.' },
  SID_MISSING: { severity: 'warning', action: 'Name the statement, so that findings and alarms can.' },
  SID_DOUBLED: { severity: 'error', action: 'Give each statement a Sid of its own.' },
  NOT_ELEMENT: {
    severity: 'error',
    action: 'Name what the statement is about instead of what it is not: an exception covers all that is added later.',
  },
  RESOURCE: { severity: 'error', action: 'Set Resource to "*", which in a key policy means this key.' },
  CONDITION_IF_EXISTS: { severity: 'error', action: 'Drop IfExists: a request without the value would pass.' },
  CONDITION_SET: {
    severity: 'error',
    action:
      'Drop ForAnyValue and ForAllValues: on a missing value one is false and the other true. Only kms:EncryptionContextKeys takes them.',
  },
  CONDITION_VARIABLE: { severity: 'error', action: 'Write the value out instead of a policy variable.' },
  ACTION_WILDCARD: { severity: 'error', action: 'List the actions of an Allow one by one.' },
  ALLOW_ANYONE: { severity: 'error', action: 'Name the role or user; no Allow may have a wildcard as its principal.' },
  ALLOW_ACCOUNT: {
    severity: 'error',
    action: 'Name the role instead of the account: any IAM policy of the account could pass its permissions on.',
  },
  ALLOW_UNATTESTED: {
    severity: 'error',
    action: 'Demand PCR0, PCR1 and PCR2 by StringEqualsIgnoreCase on kms:RecipientAttestation, or drop the statement.',
  },
  ALLOW_AROUND: {
    severity: 'error',
    action: 'Drop the action: no document can be demanded for it. For an import it may stand for that step only.',
  },
  ALLOW_IMPORT: { severity: 'error', action: 'Drop the action: whoever brings key material knows it.' },
  CONDITION_NEGATED: {
    severity: 'error',
    action: 'Demand the value by an equality: in an Allow, "not equal" holds for a request without a document.',
  },
  CONDITION_PATTERN: { severity: 'error', action: 'Demand the whole value by StringEqualsIgnoreCase, not a pattern.' },
  PCR_FORM: { severity: 'error', action: 'Give the measurement as 96 hex digits, as the release publishes it.' },
  PCR_ZERO: { severity: 'error', action: 'Remove it: zeros are what every debug enclave measures.' },
  PCR_SEVERAL: {
    severity: 'error',
    action: 'Write one statement for each image: several values would admit a mixture of their parts.',
  },
  PCR3_MISSING: {
    severity: 'warning',
    action: 'Demand PCR3, else the image passes on any instance whose role the principal can be.',
  },
  PCR3_OTHER_ROLE: {
    severity: 'warning',
    action: 'Compare PCR3 with `anchorhold kms pcr3`: it is not that of the role in the same statement.',
  },
  DENY_UNATTESTED_MISSING: {
    severity: 'error',
    action: 'Deny all use to everyone by the one condition Null on kms:RecipientAttestation:PCR0.',
  },
  DENY_OTHER_IMAGES_MISSING: {
    severity: 'error',
    action:
      'Deny all use to everyone by the one condition StringNotEqualsIgnoreCase on kms:RecipientAttestation:PCR0 with every admitted value.',
  },
  DENY_CONTEXT_MISSING: {
    severity: 'error',
    action: 'Deny all use to everyone by the one condition Null on this key of the encryption context.',
  },
  DENY_AROUND_MISSING: {
    severity: 'error',
    action: 'Deny kms:Encrypt, kms:ReEncrypt*, kms:CreateGrant and kms:ReplicateKey to everyone, unconditionally.',
  },
  DENY_NARROWED: {
    severity: 'warning',
    action: 'Split the statement: all its conditions must hold before it denies anything.',
  },
  IMAGE_DENIED: { severity: 'error', action: 'Add the PCR0 to the Deny of other images, or drop its Allow.' },
  IMAGE_STALE: {
    severity: 'warning',
    action: 'Remove the PCR0 from the Deny of other images: no statement admits it.',
  },
  MEASUREMENT_UNKNOWN: {
    severity: 'error',
    action: 'Use PCR0, PCR1 and PCR2 of one image of the measurements file, or remove the statement.',
  },
  MEASUREMENT_UNUSED: { severity: 'warning', action: 'Add a statement for the image, if it is to use this key.' },
  CONTEXT_UNPINNED: {
    severity: 'warning',
    action: 'Deny other values by StringNotEquals; `anchorhold kms policy --enclave-config` writes it.',
  },
  POLICY_WRITER: {
    severity: 'warning',
    action: 'Alarm on every PutKeyPolicy: its holder can undo all of this and is trusted.',
  },
  POLICY_WRITER_USES: {
    severity: 'error',
    action: 'Let another identity administer the key than the one that uses it: the host would write its own policy.',
  },
  KEY_ENDANGERED: {
    severity: 'warning',
    action: 'Grant it only for the moment when the key is to end: without the key its ciphertexts are lost.',
  },
} as const satisfies Record<string, Entry>

export type FindingId = keyof typeof FINDINGS
export type Finding = {
  readonly id: FindingId
  readonly severity: Severity
  /** The Sid, or the place of a statement without one; the whole policy where none is at fault. */
  readonly statement: string
  readonly found: string
  readonly action: string
}

export const WHOLE_POLICY = 'policy'
const FOUND_CHARACTERS_MAX = 200

export function finding(id: FindingId, statement: string, found: string): Finding {
  const { severity, action } = FINDINGS[id]
  return { id, severity, statement, found: found.slice(0, FOUND_CHARACTERS_MAX).toWellFormed(), action }
}
