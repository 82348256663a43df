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

test('an instance that cannot be asked in the clear is refused, not asked otherwise than it was named', () => {
  for (const url of ['https://models.example', 'https://models.example:8443', 'http://models.example/serving']) {
    assert.throws(() => haproxyConfig(configured(`services: {serving: {url: '${url}'}}`), ':8010'), { code: 'CONFIG_INVALID', message: /services\.serving\.url: found "http.*expected http:\/\/HOST:PORT/ }, url)
  }
  for (const url of ['https://a.example', 'http://user@a.example', 'http://a.example?x']) assert.throws(() => haproxyConfig(configured(`services: {serving: {instances: ['${url}']}}`), ':8010'), { code: 'CONFIG_INVALID' }, url)
})

test('what an instance refuses is asked of each other once, of three at most; one alone is only called again where it was not reached', () => {
  const retries = (count: number) => {
    const instances = Array.from({ length: count }, (_, i) => `http://10.0.0.${i + 1}:8000`)
    const found = /retries (?<retries>\d)\n\s+retry-on (?<on>.*)/.exec(haproxyConfig(configured(`services: {serving: {instances: ${JSON.stringify(instances)}}}`), ':8010'))?.groups
    return [found?.['retries'], found?.['on']]
  }
  const everywhere = 'conn-failure empty-response 503'
  assert.deepEqual([1, 2, 3, 9].map(retries), [['3', 'conn-failure'], ['1', everywhere], ['2', everywhere], ['3', everywhere]])
})

test('what could write lines of its own into the configuration is refused', () => {
  for (const bind of ['127.0.0.1', ':x', '127.0.0.1:80\n    log stdout', '']) assert.throws(() => haproxyConfig(configured(''), bind), { code: 'USAGE' })
  assert.throws(() => configured('services: {serving: {instances: ["http://a:80\\n    log stdout"]}}').services.serving.instances.map((url) => new URL(url).hostname + url), { code: 'CONFIG_INVALID' })
})
