import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { DuckDb } from '../../../platform/duckdb/index.ts'
import { readParquet } from './index.ts'
import { CODEC, ENCODING, TYPE, dataPage, dictionaryPage, fileOf, parquetOf, run, varint } from './testing.ts'

const MAX_ROWS = 10_000
const MEGABYTE = 1024 * 1024
/** What an attack may add to the most memory that the process ever held, in kilobytes: without bounds each of them takes gigabytes, or seconds. */
const MOST_GROWTH = 160 * 1024

const doubles = (...values: readonly number[]): Buffer => Buffer.from(Float64Array.from(values).buffer)
const textValue = (value: string): Buffer => Buffer.concat([Buffer.from(Uint32Array.of(value.length).buffer), Buffer.from(value)])
const column = (pages: Buffer, name = 'x') => ({ name, type: TYPE.double, pages })
const coded = (dictionary: Buffer, ...pages: readonly Buffer[]) => ({ name: 'x', type: TYPE.double, dictionary: true, pages: Buffer.concat([dictionary, ...pages]) })
const one = dictionaryPage({ values: 1, bytes: doubles(1.5) })

/** Lists in a list, each of which claims to have so many elements that there is no end of room to be made. */
function listsOf(claimed: number): Buffer {
  const list = Buffer.concat([Buffer.from([0xf9]), varint(claimed)])
  return Buffer.concat([Buffer.from([0x19]), ...Array.from({ length: 20 }, () => list)])
}

describe('Parquet', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parquet-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  const SELECT = "SELECT i::DOUBLE / 4 AS d, CASE WHEN i % 3 = 0 THEN NULL ELSE i::INTEGER END AS i, ['AA', 'UA', NULL][i % 3 + 1] AS s, 'é' || i AS u, i % 2 = 0 AS b, 'same' AS one, [i] AS list FROM range(300) t(i)"
  for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli']) {
    test(`as DuckDB writes it, ${codec}: the rows, without columns that hold lists`, async () => {
      const file = join(folder, `${codec}.parquet`)
      const duck = await DuckDb.open()
      await duck.run(`COPY (${SELECT}) TO '${file}' (FORMAT parquet, COMPRESSION ${codec}, ROW_GROUP_SIZE 100)`)
      duck.close()
      const { rows } = await readParquet(readFileSync(file), 300)
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        Array.from({ length: 300 }, (_, i) => ({ d: i / 4, i: i % 3 === 0 ? null : i, s: ['AA', 'UA', null][i % 3], u: `é${i}`, b: i % 2 === 0, one: 'same' })),
      )
      await assert.rejects(readParquet(readFileSync(file), 299), { code: 'BODY_TOO_LARGE', message: /has 300 rows; the model takes 299 at most/ })
    })
  }

  test('a file made by hand is read', async () => {
    const { rows, bytes } = await readParquet(parquetOf({ rows: 3, columns: [coded(one, dataPage({ values: 3, encoding: ENCODING.dictionary, bytes: run(3) }))] }), MAX_ROWS)
    assert.deepEqual(rows.map((row) => ({ ...row })), [{ x: 1.5 }, { x: 1.5 }, { x: 1.5 }])
    assert.equal(bytes, 24)
  })

  const long = 'x'.repeat(MEGABYTE)
  const zeros = Buffer.alloc(64 * MEGABYTE)
  const ATTACKS: readonly [string, () => Buffer, RegExp][] = [
    ['hundreds of millions of rows in a run', () => parquetOf({ rows: 3e8, columns: [coded(one, dataPage({ values: 3e8, encoding: ENCODING.dictionary, bytes: run(3e8) }))] }), /has 300000000 rows/],
    ['a page of more values than the table has rows', () => parquetOf({ rows: 3, columns: [coded(one, dataPage({ values: 3e8, encoding: ENCODING.dictionary, bytes: run(3e8) }))] }), /more than 1048576 values/],
    ['a run of more values than the page has', () => parquetOf({ rows: 3, columns: [coded(one, dataPage({ values: 3, encoding: ENCODING.dictionary, bytes: run(1e9) }))] }), /runs of more values/],
    ['many pages', () => parquetOf({ rows: 3, columns: [coded(one, ...Array.from({ length: 1000 }, () => dataPage({ values: 9999, encoding: ENCODING.dictionary, bytes: run(9999) })))] }), /more than 1048576 values/],
    ['a dictionary that claims to be large', () => parquetOf({ rows: 1, columns: [coded(dictionaryPage({ values: 2e9, bytes: doubles(1) }))] }), /more than 1048576 values/],
    ['a page that claims to be large', () => parquetOf({ rows: 1, codec: CODEC.snappy, columns: [column(dataPage({ values: 1, encoding: ENCODING.plain, bytes: Buffer.from([1, 0, 0]), size: 2 ** 30 }))] }), /more than 33554432 bytes/],
    ['many pages that claim to be large', () => parquetOf({ rows: 9, codec: CODEC.snappy, columns: Array.from({ length: 500 }, (_, i) => column(dataPage({ values: 1, encoding: ENCODING.plain, bytes: Buffer.from([1, 0, 0]), size: 2 ** 24 }), `x${i}`)) }), /Parquet/],
    ['gzip that is larger than it says', () => parquetOf({ rows: 1, codec: CODEC.gzip, columns: [column(dataPage({ values: 1, encoding: ENCODING.plain, bytes: gzipSync(zeros), size: 8 }))] }), /no Parquet that can be read: Cannot create a Buffer larger than 8 bytes/],
    ['zstd that is as large as it says', () => parquetOf({ rows: 1, codec: CODEC.zstd, columns: [column(dataPage({ values: 1, encoding: ENCODING.plain, bytes: zstdCompressSync(zeros), size: zeros.length }))] }), /more than 33554432 bytes/],
    ['one long text for every row', () => parquetOf({ rows: 9999, columns: [{ name: 's', type: TYPE.text, dictionary: true, pages: Buffer.concat([dictionaryPage({ values: 1, bytes: textValue(long) }), dataPage({ values: 9999, encoding: ENCODING.dictionary, bytes: run(9999) })]) }] }), /more than 16777216 characters/],
    ['row groups that share their pages', () => parquetOf({ rows: 1, groups: 5000, columns: [column(dataPage({ values: 1, encoding: ENCODING.plain, bytes: Buffer.concat([doubles(1), Buffer.alloc(MEGABYTE)]) }))] }), /lies outside of it, or over another one/],
    ['columns without values', () => parquetOf({ rows: 9999, columns: Array.from({ length: 2000 }, (_, i) => column(Buffer.alloc(0), `x${i}`)) }), /has 0 values for 9999 rows/],
    ['a description of endless lists', () => fileOf(Buffer.alloc(0), listsOf(33_000_000)), /a list of 33000000/],
    ['a page with endless lists', () => parquetOf({ rows: 1, columns: [column(Buffer.concat([listsOf(33_000_000), Buffer.alloc(8)]))] }), /a list of 33000000/],
    ['a description of nothing but fields', () => fileOf(Buffer.alloc(0), Buffer.concat([Buffer.from([0x19, 0xfc]), varint(MEGABYTE), Buffer.alloc(MEGABYTE + 1)])), /more fields than any table needs/],
    ['a number without end', () => fileOf(Buffer.alloc(0), Buffer.concat([Buffer.from([0x16]), Buffer.alloc(MEGABYTE, 0x80)])), /a number without end/],
    ['structs in structs', () => fileOf(Buffer.alloc(0), Buffer.alloc(MEGABYTE, 0x1c)), /structs within structs/],
    ['an encoding by differences', () => parquetOf({ rows: 9999, columns: [column(dataPage({ values: 9999, encoding: 5, bytes: Buffer.alloc(8) }))] }), /in an encoding that is not read here/],
    ['nothing', () => Buffer.from('PAR1'), /too short/],
  ]
  for (const [name, make, message] of ATTACKS) {
    test(`${name}: refused before room is made for it`, async () => {
      const bytes = make()
      assert.ok(bytes.length < 2 * MEGABYTE, `${bytes.length} bytes`)
      const before = process.resourceUsage().maxRSS
      await assert.rejects(readParquet(bytes, MAX_ROWS), message)
      const growth = process.resourceUsage().maxRSS - before
      assert.ok(growth < MOST_GROWTH, `${growth} KB more`)
    })
  }

  test('whatever bytes of a good file are changed, it is read or refused as a request’s fault', async () => {
    const good = readFileSync(join(folder, 'uncompressed.parquet'))
    // Most of what a file says of itself stands at its end.
    const place = fc.oneof(fc.nat(good.length - 1), fc.integer({ min: good.length - 600, max: good.length - 1 }))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 3 }), async (changes) => {
        const bad = Buffer.from(good)
        for (const [at, byte] of changes) bad[at] = byte
        await readParquet(bad, MAX_ROWS).catch((error: { readonly status?: number }) => assert.ok(error.status === 400 || error.status === 413, String(error)))
      }),
      { numRuns: 400 },
    )
  })
})
