/** An operator's pause: `node --import lying-disk.ts control-process.ts DATA`. */
import { openControl, PAUSED } from '../../../host/control.ts'
import { pathsOf } from '../../../host/paths.ts'

await openControl(pathsOf(process.argv[2] ?? '')).set('prepare', PAUSED, 'maintenance', 1)
process.exit(0)
