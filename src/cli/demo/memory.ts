import { readFileSync, readdirSync } from 'node:fs'
import { ENTRY } from '../../platform/entry.ts'
import { errnoCode } from '../../platform/errors/index.ts'

export interface MemoryPeak {
  readonly bytes: number
  /** Who held how much at that moment: `serve monitor`, `train`, and `demo` for the process that watches. */
  readonly by: Readonly<Record<string, number>>
}

export interface MemoryWatch {
  /** The most that all processes held together at one moment; undefined where the system does not tell (it is read from Linux's /proc). */
  readonly peak: () => MemoryPeak | undefined
  readonly stop: () => void
}

/** Watches this process and all that descend from it. Pages that several share are counted once (PSS). */
export function watchMemory(intervalMs = 3000): MemoryWatch {
  let peak: MemoryPeak | undefined
  const measure = (): void => {
    const now = treeMemory(process.pid)
    if (now !== undefined && (peak === undefined || now.bytes > peak.bytes)) peak = now
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

function treeMemory(root: number): MemoryPeak | undefined {
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
  const by: Record<string, number> = {}
  const queue = [root]
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    const bytes = Number(/^Pss:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024
    const name = pid === root ? 'demo' : nameOf(readProc(`/proc/${pid}/cmdline`))
    if (bytes > 0) by[name] = (by[name] ?? 0) + bytes
    queue.push(...(children.get(pid) ?? []))
  }
  return { bytes: Object.values(by).reduce((sum, bytes) => sum + bytes, 0), by }
}

/** `serve tracking` of a command line of ours; the program's name of any other. */
function nameOf(commandLine: string): string {
  const [program = '', ...args] = commandLine.split('\0')
  const main = args.indexOf(ENTRY)
  return main < 0 ? (program.split('/').at(-1) ?? '') : args.slice(main + 1).filter((arg) => /^[a-z]+$/.test(arg)).slice(0, 2).join(' ')
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
