import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { toMillraceError } from '../../platform/errors/index.ts'
import { freePort } from '../../platform/http/testing.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { type Call, grpcClient } from '../grpc/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, ROW, type Registry, ready, startRegistry, testConfig } from '../testing.ts'
import { readTable } from './mlflow-tables.ts'
import type { ModelShape } from './protocol.ts'
import { v2Protocol } from './v2/index.ts'
import { ENCODING, TYPE, dataPage, dictionaryPage, parquetOf, run } from './parquet/testing.ts'

/** What an attack may add to the most memory that the process ever held, in kilobytes; the client is in the same process. Without bounds most of them took gigabytes. */
const MOST_GROWTH = 200 * 1024
const MEGABYTE = 1024 * 1024

const model: ModelShape = {
  tensors: { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }, { name: 's', datatype: 'BYTES', shape: [-1] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }] },
  rows: null,
  batch: 1,
  get byRows(): never {
    throw new Error('not by rows')
  },
}

/** A raw tensor of so many bytes, all of them 0. */
const parseRaw = async (name: string, datatype: string, count: number, size: number) => {
  const head = Buffer.from(JSON.stringify({ inputs: [{ name, datatype, shape: [count], parameters: { binary_data_size: size } }] }))
  return v2Protocol.parse({ bytes: Buffer.concat([head, Buffer.alloc(size)]), headers: { 'inference-header-content-length': String(head.length) }, maxRows: 10_000 }, model)
}

test('a raw tensor of another datatype is converted, and millions of its elements are not', async () => {
  const parsed = await parseRaw('x', 'INT8', 1000, 1000)
  assert.ok('tensors' in parsed && parsed.tensors.get('x')?.datatype === 'FP32')
  await assert.rejects(parseRaw('x', 'INT8', 2 ** 22, 2 ** 22), { code: 'BAD_REQUEST', message: /has 4194304 elements of INT8, and the model takes FP32: of raw tensors 2097152 elements are converted at most/ })
})

test('of raw texts two megabytes are taken, and not a million empty ones', async () => {
  await parseRaw('s', 'BYTES', 1000, 4000)
  await assert.rejects(parseRaw('s', 'BYTES', 2 ** 20, 2 ** 22), { code: 'BAD_REQUEST', message: /has 4194304 bytes of BYTES tensors, expected 2097152 at most/ })
})

const repeat = (text: string, times: number): string => text.repeat(times).slice(0, -1)
const json = (body: string, path = '/invocations') => ({ path, body, type: 'application/json' })
const csv = (body: string) => ({ path: '/invocations', body, type: 'text/csv' })
const infer = (inputs: string) => json(`{"inputs":[${inputs}]}`, '/v2/models/delay/infer')

test('a CSV of a million fields is read in pieces, and others have their turn between them', async () => {
  const columns = Array.from({ length: 100 }, (_, i) => ({ name: `c${i}`, type: 'double' as const, required: false }))
  const body = Buffer.from(`${columns.map(({ name }) => name).join()}\n${`${'1,'.repeat(99)}2\n`.repeat(10_000)}`)
  let turns = 0
  let reading = true
  const turn = (): void => {
    turns++
    if (reading) setImmediate(turn)
  }
  turn()
  const { rows } = await readTable('csv', body, { columns, maxRows: 10_000 })
  reading = false
  assert.deepEqual([rows.length, rows.at(-1)?.['c0'], rows.at(-1)?.['c99']], [10_000, 1, 2])
  assert.ok(turns > body.length / 8192, `${turns} turns`)
})

test('of large CSVs those that nobody waits for are not read, and only so many may wait', async () => {
  const columns = [{ name: 'a', type: 'double' as const, required: false }]
  const body = Buffer.from(`a\n${'1\n'.repeat(100_000)}`)
  const gone = { deadline: Number.POSITIVE_INFINITY, gone: true, refuse: () => undefined }
  const read = (recipient?: typeof gone) => readTable('csv', body, { columns, maxRows: 100_000, recipient })
  const found = await Promise.allSettled([read(gone), ...Array.from({ length: 16 }, () => read(gone)), read()])
  const codes = found.map((one) => (one.status === 'rejected' ? toMillraceError(one.reason).code : 'read'))
  assert.deepEqual(codes, [...Array.from({ length: 16 }, () => 'CANCELLED'), 'OVERLOADED', 'OVERLOADED'])
  assert.equal((await read()).rows.length, 100_000)
  await assert.rejects(readTable('csv', Buffer.alloc(300 * 1024, 'a'), { columns, maxRows: 10 }), { code: 'BAD_REQUEST', message: /the first line of the CSV has more than 262144 bytes/ })
})

describe('no small request takes much memory', () => {
  let folder: string
  let registry: Registry
  let service: TestService
  let call: Call
  let close: () => void

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bounds-'))
    registry = await startRegistry(join(folder, 'registry'))
    registry.add('1', join(FIXTURES, 'one'))
    registry.move('champion', '1')
    const port = await freePort()
    service = await startForTest(servingService, testConfig({ tracking: registry.url, gateway: registry.url, grpcPort: port, yaml: 'deployments: [{model: delay}]' }), { projectFolder: join(folder, 'project') })
    await ready(service.url)
    const grpc = grpcClient(port, 'inference.GRPCInferenceService')
    call = grpc.call
    close = () => grpc.client.close()
  })

  after(async () => {
    close()
    await service.stop()
    await registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const bounded = async <T>(ask: () => Promise<T>): Promise<T> => {
    const held = process.resourceUsage().maxRSS
    const answer = await ask()
    const growth = process.resourceUsage().maxRSS - held
    assert.ok(growth < MOST_GROWTH, `${growth} KB more`)
    return answer
  }

  type Body = { readonly path: string; readonly body: string | Buffer; readonly type: string }
  const ATTACKS: readonly [string, () => Body, number, RegExp][] = [
    ['a wide first row and empty ones behind it', () => json(`{"inputs":{"x":[[${repeat('0,', 5000)}],${repeat('[],', 9000)}]}}`), 400, /inputs\.x\[1\] is a list of 0, expected a list of 5000, as inputs\.x\[0\] is/],
    ['a wide first row and more empty ones than rows may come', () => json(`{"inputs":{"x":[[${repeat('0,', 5000)}],${repeat('[],', 100_000)}]}}`), 413, /has 100001 rows; the model takes 10000/],
    ['one row of a million values', () => json(`{"inputs":{"x":[[${repeat('0,', 1_000_000)}]]}}`), 400, /expected 100000 columns at most/],
    ['a million rows of one value', () => json(`{"inputs":{"x":[${repeat('0,', 1_000_000)}]}}`), 413, /has 1000000 rows/],
    ['instances that are all empty', () => json(`{"instances":[${repeat('[],', 600_000)}]}`), 413, /has 600000 rows/],
    ['instances that are all empty, by KServe’s V1', () => json(`{"instances":[${repeat('{},', 600_000)}]}`, '/v1/models/delay:predict'), 413, /has 600000 rows/],
    ['records that are all empty', () => json(`{"dataframe_records":[${repeat('{},', 600_000)}]}`), 413, /has 600000 rows/],
    ['a table of no columns', () => json(`{"dataframe_split":{"columns":[],"data":[${repeat('[],', 600_000)}]}}`), 413, /has 600000 rows/],
    ['a table of many columns and little data', () => json(`{"dataframe_split":{"columns":[${repeat('"a",', 400_000)}],"data":[${repeat('[0],', 9000)}]}}`), 400, /has 1 values, expected 400000/],
    ['many names of forms', () => json(`{${repeat('"a":0,', 300_000)}}`), 400, /has none of/],
    ['brackets upon brackets', () => json('['.repeat(2 * MEGABYTE)), 400, /nested more than 100 levels/],
    ['CSV of nothing but commas', () => csv(','.repeat(2_000_000)), 400, /expected 100000 columns at most/],
    ['CSV with a wide second line', () => csv(`a\n${','.repeat(2_000_000)}`), 400, /expected 1048576 at most/],
    ['CSV of a million lines', () => csv(`a\n${'1\n'.repeat(500_000)}`), 413, /rows; the model takes 10000/],
    ['CSV of nothing but line breaks', () => csv(`a\n${'\n'.repeat(2_000_000)}`), 400, /expected 1048576 at most/],
    ['CSV with a quote that does not end', () => csv(`a\n"${'x'.repeat(2_000_000)}`), 400, /no CSV/],
    ['hundreds of empty tensors of great width', () => infer(Array.from({ length: 300 }, (_, i) => `{"name":"t${i}","datatype":"FP64","shape":[0,100000],"data":[]}`).join()), 400, /expected 100000 columns at most/],
    ['an empty tensor of no rows at all and boundless width', () => infer('{"name":"t","datatype":"FP64","shape":[0,9007199254740991,9007199254740991],"data":[]}'), 400, /for its other sizes/],
    ['rows without columns', () => infer('{"name":"t","datatype":"FP64","shape":[1000000,0],"data":[]}'), 413, /has 1000000 rows/],
    ['a million tensors that are none', () => infer(repeat('{},', 600_000)), 400, /inputs\[0\]\.name is missing/],
    ['lists of nothing in place of values', () => infer(`{"name":"t","datatype":"FP64","shape":[1,1],"data":[${repeat('[],', 600_000)}]}`), 400, /has 0 values, its shape \[1, 1\] says 1/],
    ['one output a hundred thousand times', () => json(`{"inputs":[{"name":"distance","datatype":"FP64","shape":[1],"data":[1]}],"outputs":[${repeat('{"name":"label"},', 100_000)}]}`, '/v2/models/delay/infer'), 400, /outputs\[1\]\.name is label, which is asked for twice/],
    [
      'Parquet of hundreds of millions of rows',
      () => ({
        path: '/invocations',
        type: 'application/vnd.apache.parquet',
        body: parquetOf({ rows: 4e8, columns: [{ name: 'distance', type: TYPE.double, dictionary: true, pages: Buffer.concat([dictionaryPage({ values: 1, bytes: Buffer.alloc(8) }), dataPage({ values: 4e8, encoding: ENCODING.dictionary, bytes: run(4e8) })]) }] }),
      }),
      413,
      /has 400000000 rows/,
    ],
  ]
  for (const [name, make, expected, message] of ATTACKS) {
    test(`${name}: ${expected}`, async () => {
      const { path, body, type } = make()
      assert.ok(body.length <= 2 * MEGABYTE)
      const response = await bounded(() => fetch(`${service.url}${path}`, { method: 'POST', headers: { 'content-type': type }, body: typeof body === 'string' ? body : new Uint8Array(body) }))
      assert.match((await response.text()).slice(0, 1000), message)
      assert.equal(response.status, expected)
    })
  }

  test('a tensor of millions of truths, each of which would be a cell: 400, and tensors of the model’s own may be as large', async () => {
    const head = Buffer.from('{"inputs":[{"name":"x","datatype":"BOOL","shape":[5000,3000],"parameters":{"binary_data_size":15000000}}]}')
    const response = await bounded(() =>
      fetch(`${service.url}/v2/models/delay/infer`, { method: 'POST', headers: { 'inference-header-content-length': String(head.length) }, body: new Uint8Array(Buffer.concat([head, Buffer.alloc(15_000_000)])) }),
    )
    assert.match(await response.text(), /the request has 15000000 values, expected 1048576 at most/)
    assert.equal(response.status, 400)
  })

  const tensors = (count: number, more: object) => ({ model_name: 'delay', inputs: Array.from({ length: count }, (_, i) => ({ name: `t${i}`, datatype: 'FP64', ...more })) })
  const CALLS: readonly [string, string, () => object, number, RegExp][] = [
    ['hundreds of empty tensors of great width', 'ModelInfer', () => tensors(300, { shape: ['0', '100000'] }), status.INVALID_ARGUMENT, /expected 100000 columns at most/],
    ['a hundred thousand tensors', 'ModelInfer', () => tensors(100_000, {}), status.RESOURCE_EXHAUSTED, /counts for more than 2097152 bytes/],
    ['a million texts without a letter', 'ModelInfer', () => tensors(1, { shape: ['900000'], datatype: 'BYTES', contents: { bytes_contents: Array.from({ length: 900_000 }, () => Buffer.alloc(0)) } }), status.RESOURCE_EXHAUSTED, /a text for 16/],
    ['millions of truths in a byte each', 'ModelInfer', () => tensors(1, { shape: ['2000000'], datatype: 'BOOL', contents: { bool_contents: Array.from({ length: 2_000_000 }, () => true) } }), status.RESOURCE_EXHAUSTED, /a number for 4/],
    ['a shape of a million sizes', 'ModelInfer', () => tensors(1, { shape: Array.from({ length: 1_000_000 }, () => '1') }), status.RESOURCE_EXHAUSTED, /a number for 4/],
    ['a hundred thousand outputs', 'ModelInfer', () => ({ ...tensors(1, { shape: ['0'] }), outputs: Array.from({ length: 100_000 }, () => ({ name: '' })) }), status.RESOURCE_EXHAUSTED, /counts for more/],
    ['a hundred thousand raw tensors', 'ModelInfer', () => ({ ...tensors(1, { shape: ['0'] }), raw_input_contents: Array.from({ length: 200_000 }, () => Buffer.alloc(0)) }), status.RESOURCE_EXHAUSTED, /counts for more/],
    ['parameters without end', 'RepositoryModelLoad', () => ({ model_name: 'delay', parameters: Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [String(i), { bool_param: true }])) }), status.RESOURCE_EXHAUSTED, /counts for more/],
  ]
  for (const [name, method, make, code, message] of CALLS) {
    test(`gRPC, ${name}: ${status[code]}`, async () => {
      const answer = await call(method, make())
      assert.match(answer.message, message)
      assert.equal(answer.code, code)
    })
  }

  test('a good request is answered after all of them', async () => {
    const response = await fetch(`${service.url}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ dataframe_records: [ROW] }) })
    assert.equal(response.status, 200)
  })
})
