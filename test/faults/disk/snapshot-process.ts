/** One snapshot of a running ledger: `node --import lying-disk.ts snapshot-process.ts DATA`. */
import { loadHostConfig } from '../../../host/config.ts'
import { openContext } from '../../../host/context.ts'
import { openLog } from '../../../host/log.ts'
import { snapshotIfDue } from '../../../host/snapshots.ts'

const config = loadHostConfig(process.argv[2] ?? '')
const context = openContext(config, openLog({ level: config.logLevel, name: 'snapshot' }))
await snapshotIfDue(context, await context.enclave.call('status', {}), 1)
await context.close()
process.exit(0)
