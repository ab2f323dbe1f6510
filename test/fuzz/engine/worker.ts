/** The thread in which inputs are read: it may hang or die, and its watcher tells of which. */
import { parentPort, workerData } from 'node:worker_threads'
import { findTarget } from '../parsers/all.ts'
import { playTarget, type Task } from './lane.ts'
import { openSlate } from './slate.ts'

const slate = openSlate(workerData as SharedArrayBuffer)

parentPort?.on('message', async (task: Task) => {
  const target = findTarget(task.target)
  if (target === undefined) throw new Error(`no target ${task.target}`)
  parentPort?.postMessage(await playTarget(target, task, slate))
})
