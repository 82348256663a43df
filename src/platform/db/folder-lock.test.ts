import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { lockFolder } from './folder-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'folder-lock-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const HOLDER = `
  import { lockFolder } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, 'folder-lock.ts')).href)}
  lockFolder(process.argv[1], 'serving')
  globalThis.gc()
  console.log('held')
  setInterval(() => undefined, 1000)`

test('a folder that another process holds is refused and named, and is free as soon as that one was killed with -9', async () => {
  const holder = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', HOLDER, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(holder.stdout, 'data')
    assert.throws(() => lockFolder(folder, 'serving'), { code: 'FOLDER_IN_USE', message: new RegExp(`^${folder}: another process of serving has it open`) })
    const gone = once(holder, 'exit')
    holder.kill('SIGKILL')
    await gone
    lockFolder(folder, 'serving')()
  } finally {
    holder.kill('SIGKILL')
  }
})

test('it is held once in a process too, until it is let go, and leaves only its empty file', () => {
  const unlock = lockFolder(folder, 'serving')
  assert.throws(() => lockFolder(folder, 'serving'), { code: 'FOLDER_IN_USE' })
  unlock()
  lockFolder(folder, 'serving')()
  assert.deepEqual(readdirSync(folder), ['in-use'])
})

test('a folder that is not there is named', () => {
  assert.throws(() => lockFolder(join(folder, 'nowhere'), 'serving'), { code: 'NOT_FOUND', message: /nowhere/ })
})
