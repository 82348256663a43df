import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { checkout } from '../pipeline/index.ts'
import { addDataset, initProject, openProject } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-outside-'))
after(() => rmSync(folder, { recursive: true, force: true }))

for (const path of ['../victim', join(folder, 'victim'), '.git/hooks', '.dvc/tmp', '..', '.']) {
  test(`a .dvc file that names ${path.replace(folder, '/…')} is refused, and a forced checkout touches nothing`, () => {
    const root = mkdtempSync(join(folder, 'project-'))
    const victim = join(folder, 'victim')
    mkdirSync(victim, { recursive: true })
    writeFileSync(join(victim, 'keep.txt'), 'keep')
    initProject(root)
    writeFileSync(join(root, 'data.txt'), 'data')
    addDataset(openProject(root), 'data.txt')
    const file = join(root, 'data.txt.dvc')
    writeFileSync(file, readFileSync(file, 'utf8').replace('path: data.txt', `path: ${path}`))
    assert.throws(() => checkout(openProject(root), { force: true }), { code: 'DVC_FILE_INVALID' })
    assert.equal(readFileSync(join(victim, 'keep.txt'), 'utf8'), 'keep')
    assert.ok(existsSync(join(root, '.git')))
  })
}
