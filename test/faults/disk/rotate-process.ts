/** The command as an operator types it: `node --import lying-disk.ts rotate-process.ts rotate FILE --data DATA`. */
import { runCli } from '../../../scripts/cli/program.ts'

const silent = (): void => undefined
const terminal = { out: silent, err: silent, environment: {}, typedIn: process.cwd() }
process.exit(await runCli(process.argv.slice(2), terminal))
