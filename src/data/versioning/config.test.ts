import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError } from '../../platform/errors/index.ts'
import { readConfig } from './config.ts'
import { temporaryFolder, writeFiles } from './testing.ts'

test('the defaults are DVC’s', () => {
  const folder = temporaryFolder()
  const config = readConfig(folder)
  assert.equal(config.cacheDir, join(folder, 'cache'))
  assert.deepEqual(config.linkTypes, ['reflink', 'copy'])
})

test('config.local wins over config; quotes and comments are ConfigObj’s; relative paths count from .dvc', () => {
  const folder = temporaryFolder()
  writeFiles(folder, {
    config: `[core]\n    remote = "my,r"  # why\n    autostage = true\n[cache]\n    type = "hardlink,symlink"\n    dir = elsewhere\n['remote "my,r"']\n    url = ../../remote\n['remote "s3"']\n    url = s3://bucket/x\n`,
    'config.local': '[cache]\n    dir = /shared/cache\n',
  })
  const config = readConfig(folder)
  assert.equal(config.cacheDir, '/shared/cache')
  assert.deepEqual(config.linkTypes, ['hardlink', 'symlink'])
  assert.equal(config.defaultRemote, 'my,r')
  assert.ok(config.autostage)
  assert.deepEqual([...config.remotes], [['my,r', join(folder, '../../remote')], ['s3', 's3://bucket/x']])
})

test('a wrong line or link type is told with file and line', () => {
  for (const [text, message] of [['[cache]\n    type = softlink\n', /config:2: cache\.type is "softlink"/], ['nonsense\n', /config:1: expected/]] as const) {
    const folder = temporaryFolder()
    writeFiles(folder, { config: text })
    assert.throws(() => readConfig(folder), (error) => error instanceof MillraceError && error.code === 'DVC_FILE_INVALID' && message.test(error.message))
  }
})
