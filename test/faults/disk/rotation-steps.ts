/** The durable steps of a rotation, as those of steps.ts. */
import type { Probe } from './orders.ts'
import { ADDRESS, type Step, whole } from './steps.ts'

/** `anchorhold rotate`: the note comes before the signature, and goes when the operator gives it up. */
export const ROTATION_NOTE: Step = whole(
  { name: 'the note of a rotation', sources: ['host/rotation.ts beginRotation'] },
  'control/',
  'rotation\\.json',
)

export const ROTATION_GIVEN_UP: Step = rotationGivenUp()

function rotationGivenUp(): Step {
  const begins: Probe = { operation: 'remove', path: '^control/rotation\\.json$' }
  const place = { name: 'the end of the note of a rotation', sources: ['host/rotation.ts endRotation'] }
  return { ...place, begins, lost: [begins], kept: [begins], isOutOfHand: true }
}

const REPLACE = 'host/rotation.ts replaceKeys'
const TAKE_CONFIG = 'host/rotation.ts takeNextConfig'

/** A boot that finds the next keys named by the anchor, the state key a fresh one. */
export const TAKEOVER_STEPS: readonly Step[] = [
  whole(
    { name: 'the request for a rebuild under the next keys', sources: [REPLACE] },
    'control/',
    'rebuild\\.json',
    '^\\{"atMs":\\d+\\}',
  ),
  whole(
    { name: 'the old configuration under another name', sources: [TAKE_CONFIG] },
    '',
    `enclave\\.before-${ADDRESS}\\.json`,
  ),
  named('the name of the next configuration', TAKE_CONFIG, '', 'enclave\\.json'),
  whole({ name: 'the old keys under another name', sources: [REPLACE] }, 'keys/', `before-${ADDRESS}\\.json`),
  named('the name of the next keys', REPLACE, 'keys/', 'keys\\.json'),
]

/** A file that stands already gets the name of another. */
function named(name: string, source: string, folder: string, file: string): Step {
  const begins: Probe = { operation: 'rename', path: `^${folder}${file}$` }
  const both: readonly Probe[] = [begins, { operation: 'folder', path: `^${folder.replace(/\/$/, '')}$` }]
  return { name, sources: [source], begins, torn: both, lost: both, kept: both }
}

export const ROTATION_STEPS: readonly Step[] = [ROTATION_NOTE, ROTATION_GIVEN_UP, ...TAKEOVER_STEPS]
