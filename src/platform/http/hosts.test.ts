import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHostCheck } from './hosts.ts'

const ours = createHostCheck(['mill.example'])
const cases: readonly (readonly [string | undefined, string | undefined, boolean, string])[] = [
  ['localhost:8080', undefined, true, 'a client on this machine'],
  ['127.0.0.1:8080', 'http://127.0.0.1:8080', true, 'our own page'],
  ['[::1]:8080', 'http://localhost:5173', true, 'a page on this machine'],
  ['mill.example', 'https://mill.example', true, 'a name that was configured'],
  ['10.0.0.5:8080', 'http://10.0.0.5:8080', true, 'the address at which the page itself was served'],
  [undefined, undefined, false, 'no host'],
  ['evil.example', undefined, false, 'another name that points here'],
  ['localhost:8080', 'https://evil.example', false, 'a page of another site'],
  ['localhost:8080', 'null', false, 'a sandboxed page of any site'],
  ['localhost:8080', 'http://203.0.113.7', false, 'a page served from an address elsewhere'],
  ['localhost:8080', 'not a url', false, 'what is no origin'],
]
for (const [host, origin, expected, what] of cases) {
  test(`${what} is ${expected ? 'let in' : 'kept out'}`, () => {
    assert.equal(ours(host, origin), expected)
    assert.equal(ours(host, origin), expected, 'also the second time')
  })
}
