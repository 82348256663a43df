import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Type from 'typebox'
import Value from 'typebox/value'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { isAlive } from '../versioning/cache.ts'
import type { Project } from '../versioning/project.ts'

const Record = Type.Object({ group: Type.Integer({ minimum: 2 }), started: Type.String(), owner: Type.Integer(), ownerStarted: Type.String() })

/** Notes on disk that a stage's process group is ours, until the answer is called. */
export function recordRun(project: Project, group: number): () => void {
  const folder = folderOf(project)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${group}.json`)
  const record = { group, started: startOf(group), owner: process.pid, ownerStarted: startOf(process.pid) }
  writeFileDurable(file, JSON.stringify(record))
  return () => rmSync(file, { force: true })
}

/**
 * Kills stages that a `kill -9` of their runner has left behind: they would go on writing outputs while the stage is run again. A group is
 * ours only while its leader started when we noted; a process id that went to someone else is let be. Answers how many there were.
 */
export function killOrphans(project: Project): number {
  const folder = folderOf(project)
  if (!existsSync(folder)) return 0
  let killed = 0
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.json'))) {
    const file = join(folder, name)
    const record = read(file)
    if (record && isAlive(record.owner) && startOf(record.owner) === record.ownerStarted) continue
    // A leader that is gone leaves its group's number taken as long as one of the group lives.
    if (record && (!isAlive(record.group) || startOf(record.group) === record.started) && kill(record.group)) killed += 1
    rmSync(file, { force: true })
  }
  return killed
}

function folderOf(project: Project): string {
  return join(project.tmpDir, 'millrace', 'running')
}

function read(file: string) {
  try {
    const json: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Value.Check(Record, json) ? json : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function kill(group: number): boolean {
  try {
    process.kill(-group, 'SIGKILL')
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM')) return false
    throw error
  }
}

/** When a process started, in whatever form the system tells; with its id it names one process for good. Empty where it is gone. */
function startOf(pid: number): string {
  if (existsSync('/proc/self/stat')) {
    const file = `/proc/${pid}/stat`
    // The name in parentheses may hold spaces; the start time is the 20th field behind it (proc(5), field 22).
    return existsSync(file) ? (readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? '') : ''
  }
  return spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
}
