import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ServingProcess, startReadyProcess } from '../../src/serving/testing-process.ts'
import { FIXTURES } from '../../src/serving/testing.ts'

/** Two callers of this machine: on Linux each address 127.0.0.0/8 is one of its own. */
const [ADA, BOB] = ['127.0.0.2', '127.0.0.3']
const BODY = JSON.stringify({ inputs: ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [1], data: [1] })) })
let folder = ''
let serving: ServingProcess

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-quotas-'))
  for (const version of ['1', '2']) cpSync(join(FIXTURES, 'plain'), join(folder, 'models', 'plain', version), { recursive: true })
  serving = await startReadyProcess(folder, { workers: 2, yaml: `model_repository: models\ndeployments: [{model: plain, limits: {quota: {requests: 4, per: 1h}}}]` })
})
after(async () => {
  await serving.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** `RateLimit`'s rest, or the status of a refusal. */
function ask(localAddress: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(serving.url + path, { method: 'POST', localAddress, headers: { 'content-type': 'application/json', ...headers } }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode === 200 ? `${/r=(\d+)/.exec(String(answer.headers['ratelimit']))?.[1]} left` : String(answer.statusCode)))
    })
    sent.on('error', reject)
    sent.end(BODY)
  })
}

/** Workers answer the first themselves; a version that no alias points at they hand on to the service. */
const [OWN, HANDED_ON] = ['/v2/models/plain/infer', '/v2/models/plain/versions/1/infer']

test('a caller has one quota, whether a worker answers or the service does', async () => {
  assert.deepEqual([await ask(ADA, HANDED_ON), await ask(ADA, OWN), await ask(ADA, HANDED_ON)], ['3 left', '2 left', '1 left'])
  assert.deepEqual([await ask(BOB, HANDED_ON), await ask(BOB, OWN)], ['3 left', '2 left'])
  assert.deepEqual([await ask(ADA, OWN), await ask(ADA, HANDED_ON), await ask(ADA, OWN)], ['0 left', '429', '429'])
})

test('and none by claiming to be another', async () => {
  const claims = { 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1', forwarded: 'for=10.0.0.1', 'x-millrace-peer': '10.0.0.1', via: '1.1 worker' }
  assert.deepEqual([await ask(ADA, OWN, claims), await ask(ADA, HANDED_ON, claims)], ['429', '429'])
})
