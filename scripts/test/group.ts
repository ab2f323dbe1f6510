/** The processes of one process group, the dead ones that nobody has collected yet left out. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

type Row = { readonly pid: number; readonly group: number; readonly state: string }

/** Ids of the living processes of a group. */
export function livingMembers(group: number): number[] {
  const rows = existsSync('/proc/self/stat') ? fromProc() : fromPs()
  return rows.filter((row) => row.group === group && !row.state.startsWith('Z')).map(({ pid }) => pid)
}

/** Signals a whole group; one that is gone already needs none. */
export function signalGroup(group: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-group, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function fromProc(): Row[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readStat(name)
      // The name in brackets may hold spaces and brackets; what follows the last bracket is state, parent, group.
      const [state = '', , group = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return stat === '' ? [] : [{ pid: Number(name), group: Number(group), state }]
    })
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // It ended between the listing and the look.
    return ''
  }
}

function fromPs(): Row[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,pgid=,stat='], { encoding: 'utf8' })
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, group, state = ''] = line.trim().split(/\s+/)
      return { pid: Number(pid), group: Number(group), state }
    })
}
