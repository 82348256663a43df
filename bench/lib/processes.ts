import type { ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

/** A process and all its descendants, from /proc; only the process itself where there is none. */
function family(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  try {
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const parent = Number(stat(Number(name))[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    }
  } catch {
    return [pid]
  }
  const found = [pid]
  for (const one of found) found.push(...(children.get(one) ?? []))
  return found
}

/** The fields of /proc/PID/stat behind the name, the state first; none for a process that has gone. */
function stat(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  } catch {
    return []
  }
}

/** User and system time of a process and its descendants, in seconds; ticks are 1/100 s on every Linux that Node runs on. */
export function cpuSeconds(pid: number): number {
  let ticks = 0
  for (const one of family(pid)) {
    const fields = stat(one)
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }
  return ticks / 100
}

/** Memory of a process and its descendants, each shared page counted once (proportional set size), in MiB. */
export function pssMegabytes(pid: number): { readonly megabytes: number; readonly processes: number } {
  let kilobytes = 0
  const pids = family(pid)
  for (const one of pids) {
    try {
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
    } catch {
      continue
    }
  }
  return { megabytes: kilobytes / 1024, processes: pids.length }
}

/** Milliseconds until `url` answers 200; throws when the process ends first, or after `patienceMs`. */
export async function untilAnswers(url: string, child: ChildProcess, patienceMs = 90_000): Promise<number> {
  const begin = performance.now()
  while (performance.now() - begin < patienceMs) {
    if (child.exitCode !== null) throw new Error(`the server of ${url} ended with exit code ${child.exitCode}`)
    const status = await fetch(url).then(
      (response) => response.status,
      () => 0,
    )
    if (status === 200) return performance.now() - begin
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  child.kill('SIGKILL')
  throw new Error(`nobody answered at ${url} within ${patienceMs / 1000} s`)
}
