import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError } from '../../platform/errors/index.ts'
import { claimForLong, withLock } from './lock.ts'
import { temporaryProject } from './testing.ts'

const locked = (error: unknown) => error instanceof MillraceError && error.code === 'DVC_LOCKED'

/** Another process that holds the lock, or a claim, until it is killed. */
async function holder(root: string, how: 'lock' | 'claim', path: string) {
  const script = `
    import { claimForLong, withLock } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)}
    import { openProject } from ${JSON.stringify(new URL('project.ts', import.meta.url).href)}
    const project = openProject(process.argv[1])
    const claim = { read: [], write: [process.argv[3]], command: 'other' }
    const wait = () => { console.log('held'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000) }
    if (process.argv[2] === 'lock') withLock(project, claim, wait)
    else { claimForLong(project, claim); wait() }`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script, root, how, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

test('a claim of a living process is respected, and ends with it, even by kill -9', async () => {
  const project = temporaryProject()
  const path = join(project.root, 'd')
  const child = await holder(project.root, 'claim', path)
  const claim = { read: [], write: [join(path, 'part')], command: 'test' }
  assert.throws(() => withLock(project, claim, () => 0), (error) => locked(error) && String(error).includes(`process ${child.pid} (other)`))
  assert.equal(withLock(project, { ...claim, write: [join(project.root, 'elsewhere')] }, () => 1), 1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(withLock(project, claim, () => 2), 2)
})

test('the lock is the operating system’s: it ends with a killed process', async () => {
  const project = temporaryProject()
  const child = await holder(project.root, 'lock', join(project.root, 'd'))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(withLock(project, { read: [], write: [join(project.root, 'd')], command: 'test' }, () => 3), 3)
})

test('readers share a path, a writer has it alone', async () => {
  const project = temporaryProject()
  const path = join(project.root, 'd')
  const other = { pid: process.ppid, cmd: 'dvc repro' }
  const entries = join(project.tmpDir, 'rwlock')
  writeFileSync(entries, JSON.stringify({ read: { [path]: [other] } }))
  assert.equal(withLock(project, { read: [path], write: [], command: 'test' }, () => 4), 4)
  assert.throws(() => withLock(project, { read: [], write: [path], command: 'test' }, () => 0), locked)
  assert.deepEqual(JSON.parse(readFileSync(entries, 'utf8')), { read: { [path]: [other] } })
})

test('a long claim is in DVC’s rwlock file while it lasts, in DVC’s format', () => {
  const project = temporaryProject()
  const path = join(project.root, 'out')
  const release = claimForLong(project, { read: [join(project.root, 'in')], write: [path], command: 'millrace repro' })
  const me = { pid: process.pid, cmd: 'millrace repro' }
  assert.deepEqual(JSON.parse(readFileSync(join(project.tmpDir, 'rwlock'), 'utf8')), { write: { [path]: me }, read: { [join(project.root, 'in')]: [me] } })
  release()
  assert.deepEqual(JSON.parse(readFileSync(join(project.tmpDir, 'rwlock'), 'utf8')), {})
})
