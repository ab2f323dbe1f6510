/** What a watcher sees: bars on a terminal, plain lines anywhere else. */
import { MultiBar, type SingleBar } from 'cli-progress'

export type Progress = {
  /** One step of the set-up. */
  step(text: string): void
  /** How far the road is. Totals may grow. */
  update(state: RoadState): void
  /** Ends the bars; lines may follow. */
  end(): void
}

export type RoadState = {
  readonly lines: number
  readonly linesTotal: number
  readonly commits: number
  readonly paidText: string
}

const LINE_EVERY_MS = 2_000

export function openProgress(out: NodeJS.WriteStream): Progress {
  return out.isTTY ? bars(out) : plainLines(out)
}

function bars(out: NodeJS.WriteStream): Progress {
  const multi = new MultiBar(
    { format: '{name} {bar} {value}/{total} {note}', hideCursor: true, clearOnComplete: false },
    undefined,
  )
  let lines: SingleBar | undefined
  let isOver = false
  return {
    step: (text) => (lines === undefined || isOver ? void out.write(`${text}\n`) : multi.log(`${text}\n`)),
    update: ({ lines: value, linesTotal, commits, paidText }) => {
      if (isOver) return
      lines ??= multi.create(linesTotal, 0, { name: 'journal', note: '' })
      lines.setTotal(linesTotal)
      lines.update(value, { note: `${commits} commits, ${paidText} paid` })
    },
    end: () => {
      isOver = true
      multi.stop()
    },
  }
}

function plainLines(out: NodeJS.WriteStream): Progress {
  let saidAtMs = 0
  let said = ''
  return {
    step: (text) => void out.write(`${text}\n`),
    update: ({ lines, linesTotal, commits, paidText }) => {
      const text = `journal ${lines}/${linesTotal}, ${commits} commits, ${paidText} paid`
      if (text === said || Date.now() < saidAtMs + LINE_EVERY_MS) return
      ;[said, saidAtMs] = [text, Date.now()]
      out.write(`${text}\n`)
    },
    end: () => undefined,
  }
}
