/** The enclave's supervisor as a process: `node --import lying-disk.ts supervisor-process.ts DATA`. */
import { loadHostConfig } from '../../../host/config.ts'
import { openContext } from '../../../host/context.ts'
import { openLog } from '../../../host/log.ts'
import { superviseEnclave } from '../../../host/supervisor.ts'

const config = loadHostConfig(process.argv[2] ?? '')
const supervisor = superviseEnclave(openContext(config, openLog({ level: config.logLevel, name: 'supervisor' })))
await supervisor.active
process.send?.({ enclave: supervisor.pid() })
