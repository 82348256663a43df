import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { createHttpServer } from '../../platform/http/index.ts'
import { createMetrics } from '../../platform/metrics/index.ts'
import { inTemporaryFolder, rawStatus } from '../testing.ts'
import { registerConsole } from './routes.ts'

async function withConsole(build: (folder: string) => void, ask: (get: (path: string, accept?: string) => Promise<Response>, url: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    build(folder)
    const { http } = await createHttpServer({ service: 'gateway', project: { name: 'test', state: '/test' }, version: '0', log: pino({ level: 'silent' }), metrics: createMetrics('gateway') })
    await registerConsole(http, folder)
    const url = await http.listen({ host: '127.0.0.1', port: 0 })
    try {
      await ask((path, accept = 'text/html') => fetch(`${url}${path}`, { headers: { accept } }), url)
    } finally {
      await http.close()
    }
  })
}

function built(folder: string): void {
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), '<title>console</title>')
  writeFileSync(join(folder, 'assets', 'index-abc.js'), 'export {}')
}

test('every page address is answered with the index, under a policy that allows only our own files', async () => {
  await withConsole(built, async (get) => {
    for (const path of ['/', '/models/flight-delay', '/index.html']) {
      const response = await get(path)
      assert.equal(response.status, 200, path)
      assert.match(await response.text(), /<title>console/)
      const policy = response.headers.get('content-security-policy') ?? ''
      assert.match(policy, /default-src 'none'/)
      assert.match(policy, /frame-ancestors 'none'/)
      assert.doesNotMatch(policy, /unsafe|https?:|\*/)
      assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    }
  })
})

test('a built file is cached for ever, and the index never', async () => {
  await withConsole(built, async (get) => {
    const asset = await get('/assets/index-abc.js')
    assert.match(asset.headers.get('cache-control') ?? '', /max-age=31536000, immutable/)
    assert.match(asset.headers.get('content-type') ?? '', /javascript/)
    assert.equal((await get('/')).headers.get('cache-control'), 'no-cache')
  })
})

test('an unknown address of the API, and a file outside, are not found', async () => {
  await withConsole(built, async (get, url) => {
    for (const path of ['/api/nothing', '/v2/nothing', '/-/clock', '/assets/../../secret', '/assets/%2e%2e/%2e%2e/secret', '/assets/old-123.js']) {
      assert.equal(await rawStatus(url, path), 404, path)
    }
    assert.equal((await get('/models', 'application/json')).status, 404)
  })
})

test('where the console is not built, the page says how to build it', async () => {
  await withConsole(() => {}, async (get) => {
    const response = await get('/')
    assert.equal(response.status, 503)
    assert.match(await response.text(), /node scripts\/build-console\.mjs/)
  })
})
