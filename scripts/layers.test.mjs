// The import rules bite: each case plants one file in a copy of the tree's shape and expects oxlint to refuse it, or to let it pass.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint')
const folder = mkdtempSync(join(tmpdir(), 'millrace-layers-'))
after(() => rmSync(folder, { recursive: true, force: true }))
copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))

function lint(file, imported) {
  const path = join(folder, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `import { thing } from '${imported}'\n\nexport const other = thing\n`)
  const { status, stdout } = spawnSync(process.execPath, [oxlint, '--deny-warnings', file], { cwd: folder, encoding: 'utf8' })
  rmSync(path)
  return { refused: status !== 0 && /no-restricted-imports/.test(stdout), output: stdout }
}

const forbidden = [
  ['src/training/tracking/routes.ts', '../../serving/routing/index.ts', 'a layer from another layer'],
  ['src/serving/index.ts', '../monitoring/index.ts', 'a layer from another layer, at its root'],
  ['src/data/pipeline/executions/service.ts', '../../../training/index.ts', 'a layer from another layer, from deep inside'],
  ['src/monitoring/drift/service.ts', '../../cli/project.ts', 'a layer from the command line'],
  ['src/domain/gates.ts', '../serving/index.ts', 'the domain from a layer'],
  ['src/platform/db/index.ts', '../../domain/gates.ts', 'the platform from the domain'],
  ['src/api/events.ts', '../platform/errors/index.ts', 'the API from the platform'],
  ['sdk/tracking.ts', '../src/platform/errors/index.ts', 'the SDK from the platform'],
  ['console/src/main.tsx', '../../src/gateway/index.ts', 'the console from a layer'],
]
for (const [file, imported, what] of forbidden) {
  test(`importing ${what} is refused`, () => {
    const { refused, output } = lint(file, imported)
    assert.ok(refused, output)
  })
}

const allowed = [
  ['src/training/tracking/routes.ts', '../registry/service.ts'],
  ['src/training/index.ts', '../domain/signature.ts'],
  ['src/cli/demo.ts', '../serving/index.ts'],
  ['src/domain/gates.ts', '../platform/errors/index.ts'],
  ['src/monitoring/index.ts', '../../sdk/tracking.ts'],
  ['sdk/tracking.ts', '../src/api/events.ts'],
]
for (const [file, imported] of allowed) {
  test(`importing ${imported} from ${file} is allowed`, () => {
    const { refused, output } = lint(file, imported)
    assert.ok(!refused, output)
  })
}
