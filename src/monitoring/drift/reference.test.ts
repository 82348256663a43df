import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DuckDB } from '../duckdb.ts'
import { type Reference, readReference, sampleOf } from './reference.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-reference-'))
const duckdb = new DuckDB()
after(async () => {
  await duckdb.close()
  rmSync(folder, { recursive: true, force: true })
})

async function written(select: string): Promise<Reference> {
  const file = join(folder, 'reference.parquet')
  await duckdb.use((connection) => connection.run(`copy (${select}) to '${file}' (format parquet)`))
  return readReference(duckdb, file)
}

const samples: readonly { name: string; select: string; sample: readonly (string | number)[]; integer: boolean }[] = [
  { name: 'doubles, without what is missing or not finite', select: "unnest([1.5, null, 'nan'::double, 'infinity'::double, -2])::double", sample: [1.5, -2], integer: false },
  { name: 'whole numbers', select: 'unnest([3, null, 1])::integer', sample: [3, 1], integer: true },
  { name: 'whole numbers of 64 bits', select: 'unnest([3, 1])::bigint', sample: [3, 1], integer: true },
  { name: 'text', select: "unnest(['UA', null, 'AA', ''])", sample: ['UA', 'AA', ''], integer: false },
  { name: 'booleans, as categories', select: 'unnest([true, false, null])', sample: ['true', 'false'], integer: false },
]
for (const { name, select, sample, integer } of samples) {
  test(`a training sample gives ${name}`, async () => {
    const column = (await written(`select ${select} as a`)).columns.get('a')
    assert.deepEqual([column && [...column.sample], column?.integer], [sample, integer])
    assert.equal(column?.sample instanceof Float64Array, typeof sample[0] === 'number')
  })
}

for (const name of ['prediction', 'score']) {
  test(`the version's own scores stand in the column ${name}, which is no feature`, async () => {
    const reference = await written(`select unnest([1, 2]) as a, unnest([0.25, 0.75])::double as ${name}`)
    assert.deepEqual([[...reference.columns.keys()], reference.scores && [...reference.scores]], [['a'], [0.25, 0.75]])
  })
}

test('a sample without scores has none, and no more than ten thousand rows are read', async () => {
  const reference = await written('select i as a from range(12000) t(i)')
  assert.deepEqual([reference.scores, reference.columns.get('a')?.sample.length], [null, 10_000])
})

test('what is no Parquet is refused by name', async () => {
  const file = join(folder, 'broken.parquet')
  writeFileSync(file, 'hour,carrier\n1,UA\n')
  await assert.rejects(readReference(duckdb, file), { code: 'UPSTREAM_FAILED', message: `the training sample ${file} cannot be read as Parquet` })
})

test('values of a window become samples as those of training do', () => {
  assert.deepEqual([...sampleOf([1, true, 2n, 'x', null, undefined, Number.NaN, Infinity], false)], [1, 1, 2])
  assert.deepEqual([...sampleOf(['x', 1, true, null, undefined], true)], ['x', '1', 'true'])
})
