import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ENTRY } from './entry.ts'

/** Loaded before a command: when that has nothing left to do, a thread and a child of it say where they look for compiled modules. */
const TELL = `data:text/javascript,${encodeURIComponent(`
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Worker, isMainThread } from 'node:worker_threads'
const tell = (who) => "console.log('" + who + "', require('node:module').getCompileCacheDir())"
if (isMainThread) process.once('beforeExit', () => {
  new Worker(tell('thread'), { eval: true })
  writeFileSync(process.env.CHILD, tell('child'))
  fork(process.env.CHILD, { execArgv: [] })
})`)}`

test('what a command compiles, its threads and its forked processes find', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-entry-'))
  try {
    const { NODE_COMPILE_CACHE: _, ...environment } = process.env
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', TELL, ENTRY, 'haproxy', '--help'], {
      encoding: 'utf8',
      env: { ...environment, XDG_CACHE_HOME: folder, LOCALAPPDATA: folder, HOME: folder, CHILD: join(folder, 'child.cjs') },
    })
    for (const who of ['thread', 'child']) assert.match(stdout, new RegExp(`^${who} .*millrace.compiled.`, 'm'), stdout + stderr)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
