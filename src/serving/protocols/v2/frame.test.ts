import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { Frames } from './frame.ts'

/** What the reader says, put together again. */
function whole(frames: Frames, body: string): unknown {
  const framed = frames.read(body)
  if (framed === null) return undefined
  const { inputs } = framed.frame.json
  assert.ok(Array.isArray(inputs))
  return { ...framed.frame.json, inputs: inputs.map((input: object, i) => ({ ...input, data: framed.data[i]?.values })) }
}

/** Known after the first time it is read, or never. */
function readTwice(body: string): unknown {
  const frames = new Frames()
  whole(frames, body)
  return whole(frames, body)
}

function expected(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const NUMBERS = fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer()), { maxLength: 6 })
const TENSOR = fc.record({ name: fc.string({ maxLength: 5 }), shape: fc.array(fc.nat(9), { maxLength: 2 }), datatype: fc.constantFrom('FP32', 'INT64'), data: NUMBERS }, { requiredKeys: ['name', 'data'] })
const REQUEST = fc.record({ inputs: fc.array(TENSOR, { maxLength: 3 }), outputs: fc.constant([{ name: 'y' }]), parameters: fc.oneof(fc.constant({}), fc.record({ data: NUMBERS })) }, { requiredKeys: ['inputs'] })
/** Bits of which a body is made that means to mislead. */
const BITS = ['{"inputs":[', '{', '"data":[', '"data": [', '"data" :[', ']', '}', ',', '1', '2.5', '"name":"x"', '"name":"a\\"data\\":[3]"', '"data\\":[', '\\', '"', '"parameters":{', '"id":"', '[', ' ', '\n']

describe('the reader of frames', () => {
  test('knows a request again, and reads of it what JSON.parse does', () => {
    const body = (data: string) => `{"inputs": [{"name": "X", "shape": [1, 3], "datatype": "FP32", "data": [${data}]}], "outputs": [{"name": "y"}]}`
    const frames = new Frames()
    for (const data of ['1,2,3', '1.5, -2e3, 0.1', '4,5,6']) assert.deepEqual(whole(frames, body(data)), JSON.parse(body(data)))
    assert.deepEqual(frames.read(body('7, 8, 9'))?.data.map(({ text }) => text), ['7, 8, 9'])
  })

  const LEFT: readonly [string, string][] = [
    ['of nested lists', '{"inputs":[{"name":"X","data":[[1,2],[3,4]]}]}'],
    ['of text', '{"inputs":[{"name":"X","data":["a]","b"]}]}'],
    ['with an id of its own', '{"id":"7","inputs":[{"name":"X","data":[1]}]}'],
    ['in which another list is called data, too', '{"inputs":[{"name":"X","data" : [],"parameters":{"data":[1]}}]}'],
    ['in which a tensor has two', '{"inputs":[{"name":"X","data":[1],"data":[2]}]}'],
    ['in which the numbers are none', '{"inputs":[{"name":"X","data":[1,,2]}]}'],
    ['without an end', '{"inputs":[{"name":"X","data":[1,2'],
    ['whose frame is long', `{"inputs":[{"name":"${'x'.repeat(2000)}","data":[1]}]}`],
  ]
  for (const [name, body] of LEFT) test(`leaves a request ${name} to the reader of whole bodies`, () => assert.equal(readTwice(body), undefined))

  test('reads whatever it reads as JSON.parse does: requests of all kinds, and what only looks like them', () => {
    let read = 0
    const agrees = (body: string): void => {
      const found = readTwice(body)
      if (found === undefined) return
      read++
      assert.deepEqual(found, expected(body))
    }
    fc.assert(fc.property(REQUEST, fc.constantFrom(0, 1), (request, indent) => agrees(JSON.stringify(request, null, indent))), { numRuns: 500 })
    assert.ok(read > 50, `${read} were read`)
    const text = fc.array(fc.constantFrom(...BITS), { maxLength: 24 }).map((bits) => bits.join(''))
    fc.assert(fc.property(text, agrees), { numRuns: 3000 })
    const mutated = fc.tuple(REQUEST, fc.constantFrom(...BITS), fc.nat(), fc.nat(4)).map(([request, bit, at, cut]) => {
      const body = JSON.stringify(request)
      const place = at % body.length
      return body.slice(0, place) + bit + body.slice(place + cut)
    })
    fc.assert(fc.property(mutated, agrees), { numRuns: 3000 })
  })
})
