import { readFileSync, readdirSync } from 'node:fs'

/** Resident bytes of a process and all that it started, as Linux tells them; pages that they share count for each. null where nothing tells, or it has gone. */
export function residentBytes(pid: number): number | null {
  const own = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1]
  if (own === undefined) return null
  return childrenOf(pid).reduce((sum, child) => sum + (residentBytes(child) ?? 0), Number(own) * 1024)
}

/** Each thread has children of its own. */
function childrenOf(pid: number): readonly number[] {
  return threadsOf(pid).flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' ').filter((text) => text !== '').map(Number))
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    // It has ended, or this is no Linux.
    return []
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // It has ended, or this is no Linux.
    return ''
  }
}
