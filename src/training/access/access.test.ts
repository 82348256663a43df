import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { projectConfigSchema } from '../../domain/config.ts'
import { parseConfig } from '../../platform/config/index.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { trackingService } from '../index.ts'
import { send } from '../testing.ts'
import { type Permit, guardRoutes, ruleOf } from './index.ts'
import { RULES } from './rules.ts'

const config = parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml', {})
const routes: { readonly method: string; readonly url: string }[] = []
/** Roles as a deployment with identities would give them. */
const reader: Permit = (rule) => rule.action === 'read' || rule.action === 'probe'
const nobody: Permit = () => false
let permit: Permit = () => true
let service: TestService | undefined

before(async () => {
  const watched: typeof trackingService = {
    ...trackingService,
    start: (context) => {
      context.http.addHook('onRoute', ({ method, url }) => {
        for (const one of [method].flat()) routes.push({ method: one, url })
      })
      guardRoutes(context.http, (rule, request) => permit(rule, request))
      context.http.get('/forgotten', () => 'a secret')
      return trackingService.start(context)
    },
  }
  service = await startForTest(watched, config)
})
after(() => service?.stop())

const call = (method: string, url: string, headers = {}) => send(service?.url ?? '', method, url.replace('*', 'x').replace(/:\w+/g, 'x'), { headers })

test('every route has a rule, and every rule a route', () => {
  assert.ok(routes.length > 150)
  const without = routes.filter(({ method, url }) => ruleOf(method, url) === undefined)
  assert.deepEqual(without.map(({ method, url }) => `${method} ${url}`), ['GET /forgotten', 'HEAD /forgotten'], 'name these in access/rules.ts')
  const served = new Set(routes.map(({ method, url }) => `${method} ${url.replace(/^\/(?:ajax-)?api(?=\/)/, '')}`))
  // Routes of the platform that were there before tracking began.
  const before = ['GET /metrics']
  assert.deepEqual([...RULES.keys()].filter((route) => !served.has(route) && !before.includes(route)), [], 'rules of routes that are gone')
})

test('a route that no rule names is denied to everyone', async () => {
  permit = () => true
  const answer = await call('GET', '/forgotten')
  assert.equal(answer.status, 403)
  assert.match(answer.text, /no access rule names this route/)
  assert.doesNotMatch(answer.text, /secret/)
})

test('who may do nothing gets nothing from any route', async () => {
  permit = nobody
  for (const { method, url } of routes) {
    const { status, text } = await call(method, url)
    assert.equal(status, 403, `${method} ${url}: ${text}`)
    if (method !== 'HEAD' && /^\/(ajax-)?api/.test(url)) assert.match(text, /"error_code":"PERMISSION_DENIED"/)
  }
})

test('who may read gets through to what reads, and to nothing that writes', async () => {
  permit = reader
  for (const { method, url } of routes) {
    const rule = ruleOf(method, url)
    const { status, text } = await call(method, url)
    if (rule === undefined || rule.action === 'write' || rule.action === 'operate') assert.equal(status, 403, `${method} ${url}: ${text}`)
    else assert.notEqual(status, 403, `${method} ${url}: ${text}`)
  }
})

test('no route that changes something is taken for one that reads', () => {
  const reading = new Set(['POST /2.0/mlflow/experiments/search', 'POST /2.0/mlflow/runs/search', 'POST /2.0/mlflow/logged-models/search', 'POST /2.0/mlflow/registered-models/get-latest-versions'])
  for (const [route, { action, resource }] of RULES) {
    const safe = route.startsWith('GET ') || reading.has(route) || /search-datasets|search-traces|artifacts\/presigned-download-url|traces\/(search|batchGetInfos|metrics|calculate-filter-correlation)$/.test(route)
    if (!safe && resource !== 'service') assert.equal(action, 'write', route)
  }
})

for (const [what, headers] of [
  ['another name that points here (DNS rebinding)', { host: 'evil.example' }],
  ['a page of another site', { host: 'localhost', origin: 'https://evil.example' }],
  ['a sandboxed page', { host: 'localhost', origin: 'null' }],
] as const) {
  test(`no route answers ${what}`, async () => {
    permit = () => true
    for (const { method, url } of routes) {
      const { status, headers: got } = await call(method, url, headers)
      assert.equal(status, 403, `${method} ${url}`)
      assert.equal(got['x-content-type-options'], 'nosniff')
      assert.equal(got['access-control-allow-origin'], undefined)
    }
  })
}
