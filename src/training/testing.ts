import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { after, before, test } from 'node:test'
import type { MillraceEvent } from '../api/events.ts'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { type TestService, startForTest } from '../platform/service/testing.ts'
import { trackingService } from './index.ts'

/** One request of a story and what must come of it. */
export interface Step {
  readonly does: string
  /** `POST experiments/create`; a path without a leading slash is below /api/2.0/mlflow/. `{name}` stands for a value that was kept. */
  readonly request: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly status?: number
  /** What the answer holds at least; a RegExp fits a string. `{name}` as above. */
  readonly holds?: unknown
  /** Text that the answer must not contain. */
  readonly lacks?: string
  /** Types of the events that it emitted, without their prefix; default none. */
  readonly emits?: readonly string[]
  /** Name → path in the answer, kept for the steps after it. */
  readonly keeps?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface ServiceUnderTest {
  readonly url: () => string
  readonly send: (method: string, path: string, options?: SendOptions) => Promise<Answer>
  /** Each step is a test; they go in order, and share what they keep with the service's other stories. */
  readonly story: (steps: readonly Step[]) => void
}

/** A tracking service for the tests of one file. `yaml` is asked when it starts. */
export function withService(yaml: () => string = () => 'project: test\n'): ServiceUnderTest {
  let service: TestService | undefined
  before(async () => {
    service = await startForTest(trackingService, parseConfig(projectConfigSchema, yaml(), 'millrace.yaml', {}))
  })
  after(() => service?.stop())
  const url = () => service?.url ?? ''
  const kept = new Map<string, string>()
  return { url, send: (method, path, options = {}) => send(url(), method, path, options), story: (steps) => story(url, kept, steps) }
}

export interface SendOptions {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The path goes out as it is: fetch would resolve `..` itself. */
export function send(url: string, method: string, path: string, { body, headers = {} }: SendOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(url)
  const content = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(content ?? '')) }
    const request = httpRequest({ hostname, port, method, path, headers: { ...type, ...headers }, agent: false }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString() }))
    })
    request.on('error', reject)
    request.end(content)
  })
}

export async function eventsAfter(url: string, seq: number): Promise<readonly MillraceEvent[]> {
  const { text } = await send(url, 'GET', `/-/outbox?after=${seq}`)
  const page: { events: readonly MillraceEvent[] } = JSON.parse(text)
  return page.events
}

function story(url: () => string, kept: Map<string, string>, steps: readonly Step[]): void {
  let seq = 0
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (whole, name: string) => kept.get(name) ?? whole)
  for (const step of steps) {
    test(step.does, async () => {
      const [method = '', path = ''] = step.request.split(/ (.*)/s)
      const body = step.body === undefined ? undefined : fill(JSON.stringify(step.body))
      const target = fill(path.startsWith('/') ? path : `/api/2.0/mlflow/${path}`).replaceAll(' ', '%20')
      seq = (await eventsAfter(url(), 0)).length
      const answer = await send(url(), method, target, { ...(body === undefined ? {} : { body }), headers: step.headers ?? {} })
      assert.equal(answer.status, step.status ?? 200, answer.text)
      const value: unknown = answer.text.startsWith('{') ? JSON.parse(answer.text) : answer.text
      if (step.holds !== undefined) assertHolds(value, step.holds, fill, '')
      if (step.lacks !== undefined) assert.ok(!answer.text.includes(fill(step.lacks)), `${answer.text} holds ${step.lacks}`)
      const emitted = (await eventsAfter(url(), seq)).map((event) => event.type.replace('dev.millrace.', ''))
      assert.deepEqual(emitted, step.emits ?? [])
      for (const [name, place] of Object.entries(step.keeps ?? {})) kept.set(name, String(at(value, place)))
    })
  }
}

function at(value: unknown, place: string): unknown {
  let found = value
  for (const part of place.split('.')) found = typeof found === 'object' && found !== null ? Reflect.get(found, part) : undefined
  return found
}

function assertHolds(actual: unknown, expected: unknown, fill: (text: string) => string, place: string): void {
  if (expected instanceof RegExp) assert.match(String(actual), expected, place)
  else if (typeof expected === 'string') assert.equal(actual, fill(expected), place)
  else if (Array.isArray(expected)) {
    assert.ok(Array.isArray(actual), `${place}: expected a list, found ${JSON.stringify(actual)}`)
    assert.equal(actual.length, expected.length, `${place}: ${JSON.stringify(actual)}`)
    for (const [i, item] of expected.entries()) assertHolds(actual[i], item, fill, `${place}[${i}]`)
  } else if (typeof expected === 'object' && expected !== null) {
    for (const [key, item] of Object.entries(expected)) assertHolds(at(actual, key), item, fill, `${place}.${key}`)
  } else assert.deepEqual(actual, expected, place)
}
