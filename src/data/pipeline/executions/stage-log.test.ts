import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../versioning/testing.ts'
import { StageLog } from './stage-log.ts'

const say = (text: string) => ({ stage: 's', stream: 'stdout' as const, text })

test('a log goes on where an earlier process left it, and stops growing at its limit', () => {
  const file = join(temporaryFolder(), 'logs', 'a.log')
  const fail = (error: unknown): void => assert.fail(String(error))
  new StageLog(file, fail).output(say('first\n'))
  const log = new StageLog(file, fail)
  log.output(say('second\n'))
  assert.equal(readFileSync(file, 'utf8'), 'first\nsecond\n')
  for (let i = 0; i < 20; i++) log.output(say('x'.repeat(1024 * 1024)))
  assert.match(readFileSync(file, 'utf8').slice(-60), /the rest is left out: the log is full\n$/)
  assert.ok(statSync(file).size < 16 * 1024 * 1024 + 100)
})

test('a log that cannot be written says so once and gets out of the way', () => {
  const file = join(temporaryFolder(), 'logs', 'a.log')
  const failures: unknown[] = []
  const log = new StageLog(file, (error) => failures.push(error))
  rmSync(join(file, '..'), { recursive: true })
  log.output(say('lost\n'))
  mkdirSync(join(file, '..'))
  log.output(say('lost too\n'))
  assert.equal(failures.length, 1)
})
