import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readViews, watchDefinitions } from './definitions.ts'
import { EXAMPLE_FILES } from './example.ts'

test('definitions are seen when their folder appears, when a file is replaced and when one is removed', async () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'millrace-definitions-')), 'features')
  const seen: string[][] = []
  const stop = watchDefinitions(folder, 5, () => seen.push([...readViews(folder).keys()]))
  const next = async (): Promise<string[] | undefined> => {
    const before = seen.length
    for (let attempt = 0; attempt < 400 && seen.length === before; attempt++) await sleep(5)
    return seen.at(-1)
  }
  try {
    assert.equal(readViews(folder).size, 0, 'a project need not have features')
    const made = `${folder}.new`
    mkdirSync(made)
    for (const [name, text] of Object.entries(EXAMPLE_FILES)) writeFileSync(join(made, name), text)
    renameSync(made, folder)
    assert.deepEqual(await next(), ['recent_delays', 'weather'])
    // As an editor saves: a new file over the old one.
    writeFileSync(`${folder}/weather.tmp`, `${EXAMPLE_FILES['weather.yaml']}`.replace('name: weather', 'name: sky'))
    renameSync(`${folder}/weather.tmp`, `${folder}/weather.yaml`)
    assert.deepEqual(await next(), ['recent_delays', 'sky'])
    rmSync(`${folder}/weather.yaml`)
    assert.deepEqual(await next(), ['recent_delays'])
  } finally {
    stop()
    rmSync(join(folder, '..'), { recursive: true })
  }
})
