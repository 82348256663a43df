import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRecords } from './records.ts'

test('lines without a score are passed over: of tensors, and of rows whose model answered otherwise', () => {
  const line = { row: 0, model: 'm', version: '1', alias: 'champion', role: 'champion', time: 0 }
  const outputs = { probabilities: { datatype: 'FP32', shape: [1, 3], data: [0.1, 0.2, 0.7] } }
  const lines = [
    { ...line, id: 'tensors', tensors: { inputs: {}, outputs } },
    { ...line, id: 'row', inputs: { x: 1 }, features: { x: 1 }, tensors: { outputs } },
    { ...line, id: 'scored', inputs: { x: 1 }, features: { x: 1 }, score: 0.5 },
  ]
  const records = parseRecords(lines.map((one) => `${JSON.stringify(one)}\n`).join(''), 0)
  assert.deepEqual(records.map(({ id }) => id), ['scored'])
})
