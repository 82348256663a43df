import { readFile, readdir, readlink } from 'node:fs/promises'
import { basename } from 'node:path'

/** Who listens on a TCP port of this machine, as `name (pid N)`, where the system tells: Linux, for processes that this user may look at. */
export async function portHolder(port: number): Promise<string | undefined> {
  const inodes = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '')
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (local === undefined || inode === undefined || state !== LISTEN) continue
      if (Number.parseInt(local.split(':')[1] ?? '', 16) === port) inodes.add(`socket:[${inode}]`)
    }
  }
  if (inodes.size === 0) return undefined
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')
      if (inodes.has(target)) return `${await programOf(pid)} (pid ${pid})`
    }
  }
  return undefined
}

/** Not its `comm`: Node calls its main thread MainThread. */
async function programOf(pid: string): Promise<string> {
  const [program = ''] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
  return basename(program) || 'a process'
}

/** TCP_LISTEN in the kernel's include/net/tcp_states.h. */
const LISTEN = '0A'
