import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FrameReader, decodeLines, encodeFrame, encodeLines } from './frames.ts'

test('frames come out as they went in, however the pipe cuts them', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (bodies, cuts) => {
      const stream = Buffer.concat(bodies.map((body, number) => encodeFrame(number, Buffer.from(body))))
      const reader = new FrameReader()
      const found: { number: number; body: string }[] = []
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = cuts[i % cuts.length] ?? 1
        for (const { number, body } of reader.read(stream.subarray(at, at + size))) found.push({ number, body: body.toString('hex') })
        at += size
      }
      assert.deepEqual(found, bodies.map((body, number) => ({ number, body: Buffer.from(body).toString('hex') })))
    }),
  )
})

test('lines travel with what they count', () => {
  const [frame] = new FrameReader().read(encodeLines(7, { counts: { tally: { délai: 2 } }, lines: Buffer.from('{"a":1}\n{"a":2}\n') }))
  assert.ok(frame)
  const { counts, lines } = decodeLines(frame.body)
  assert.equal(frame.number, 7)
  assert.deepEqual(counts, { tally: { délai: 2 } })
  assert.equal(lines.toString(), '{"a":1}\n{"a":2}\n')
})
