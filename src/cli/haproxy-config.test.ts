import assert from 'node:assert/strict'
import { test } from 'node:test'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { haproxyConfig } from './haproxy-config.ts'

const configured = (yaml: string) => parseConfig(projectConfigSchema, `project: test\n${yaml}`, 'millrace.yaml')

test('each instance is a server; without any, the one of this project is', () => {
  const servers = (yaml: string) => [...haproxyConfig(configured(yaml), ':8010').matchAll(/^    server (.*)$/gm)].map(([, server]) => server)
  assert.deepEqual(servers("services: {serving: {instances: ['http://10.0.0.1:8000', 'http://[::1]:8001', 'http://b.example']}}"), ['serving1 10.0.0.1:8000', 'serving2 [::1]:8001', 'serving3 b.example:80'])
  assert.deepEqual(servers('services: {serving: {port: 8123}}'), ['serving1 127.0.0.1:8123'])
})

test('what could write lines of its own into the configuration is refused', () => {
  for (const bind of ['127.0.0.1', ':x', '127.0.0.1:80\n    log stdout', '']) assert.throws(() => haproxyConfig(configured(''), bind), { code: 'USAGE' })
  assert.throws(() => configured('services: {serving: {instances: ["http://a:80\\n    log stdout"]}}').services.serving.instances.map((url) => new URL(url).hostname + url), { code: 'CONFIG_INVALID' })
})
