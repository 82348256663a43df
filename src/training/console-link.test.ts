import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { startForTest } from '../platform/service/testing.ts'
import { trackingService } from './index.ts'

/** Not fetch, which chooses the Host header itself. */
const locationOf = (url: string, host: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => resolve([response.statusCode, response.headers.location])).on('error', reject).end()
  })

const cases: readonly (readonly [string, string, string, string])[] = [
  ['by the name it was called by', '{port: 8099}', 'localhost:5000', 'http://localhost:8099/'],
  ['by a plain address', '{port: 8099}', '192.0.2.1:5000', 'http://192.0.2.1:8099/'],
  ['by an address of IPv6', '{port: 8099}', '[::1]:5000', 'http://[::1]:8099/'],
  ['where the configuration says it is', "{url: 'https://ml.example.org/millrace/'}", 'localhost:5000', 'https://ml.example.org/millrace/'],
]
for (const [what, gateway, host, location] of cases) {
  test(`the links that MLflow prints lead to the console, ${what}`, async () => {
    const service = await startForTest(trackingService, parseConfig(projectConfigSchema, `project: test\nservices: {gateway: ${gateway}}\n`, 'millrace.yaml'))
    try {
      assert.deepEqual(await locationOf(`${service.url}/`, host), [302, location])
    } finally {
      await service.stop()
    }
  })
}
