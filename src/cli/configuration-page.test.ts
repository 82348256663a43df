import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import Type from 'typebox'
import { projectConfigSchema } from '../domain/config.ts'
import { describeKeys } from '../platform/config/index.ts'
import { configurationPage } from './configuration-page.ts'

test('docs/configuration.md lists every key of the schemas, and nothing else', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  assert.equal(page, configurationPage(), 'run: node scripts/configuration-doc.mjs')
})

test('every key of millrace.yaml says what it means', () => {
  assert.deepEqual(describeKeys(projectConfigSchema).filter(({ description }) => description === '').map(({ key }) => key), [])
})

test('keys are told with type, limits, default and environment variable; what lists hold has none', () => {
  const schema = Type.Object({
    services: Type.Object({ tracking: Type.Object({ port: Type.Integer({ minimum: 1, default: 5000, description: 'Port' }) }) }),
    names: Type.Array(Type.String(), { default: [] }),
    models: Type.Array(Type.Object({ name: Type.String(), on: Type.Optional(Type.Union([Type.Literal('a'), Type.Literal('b')])) })),
  })
  assert.deepEqual(
    describeKeys(schema).map(({ key, type, byDefault, required, environment }) => [key, type, byDefault, required, environment]),
    [
      ['services.tracking.port', 'integer ≥ 1', '5000', false, 'MILLRACE_TRACKING_PORT'],
      ['names', 'list of text', '[]', false, undefined],
      ['models[].name', 'text', undefined, true, undefined],
      ['models[].on', '`a` or `b`', undefined, false, undefined],
    ],
  )
})
