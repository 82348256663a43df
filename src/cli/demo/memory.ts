import { readFileSync, readdirSync } from 'node:fs'
import { errnoCode } from '../../platform/errors/index.ts'

export interface MemoryWatch {
  /** The most that all processes held together at one moment, in bytes; undefined where the system does not tell (it is read from Linux's /proc). */
  readonly peak: () => number | undefined
  readonly stop: () => void
}

/** Watches this process and all that descend from it. Pages that several share are counted once (PSS). */
export function watchMemory(intervalMs = 3000): MemoryWatch {
  let peak: number | undefined
  const measure = (): void => {
    const now = treeMemory(process.pid)
    if (now !== undefined && (peak === undefined || now > peak)) peak = now
  }
  const timer = setInterval(measure, intervalMs)
  timer.unref()
  return {
    peak: () => {
      measure()
      return peak
    },
    stop: () => clearInterval(timer),
  }
}

function treeMemory(root: number): number | undefined {
  let pids: readonly string[]
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return undefined
  }
  const children = new Map<number, number[]>()
  for (const pid of pids) {
    const parent = Number(/\) \S (\d+)/.exec(readProc(`/proc/${pid}/stat`))?.[1])
    if (Number.isFinite(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(pid)])
  }
  let sum = 0
  const queue = [root]
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    sum += Number(/^Pss:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024
    queue.push(...(children.get(pid) ?? []))
  }
  return sum
}

/** Empty for a process that ended between the listing and the reading, or that is not ours to read. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoCode(error) === undefined) throw error
    return ''
  }
}
