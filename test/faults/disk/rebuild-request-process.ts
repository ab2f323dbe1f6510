/** An operator's request: `node --import lying-disk.ts rebuild-request-process.ts DATA`. */
import { pathsOf } from '../../../host/paths.ts'
import { askForRebuild } from '../../../host/rebuild.ts'

await askForRebuild(pathsOf(process.argv[2] ?? ''), 1)
process.exit(0)
