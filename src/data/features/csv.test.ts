import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DuckDb, literal } from '../../platform/duckdb/index.ts'
import { buildFeatures } from './build.ts'
import { parseDefinitions } from './parse.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-csv-'))
after(() => rmSync(root, { recursive: true, force: true }))

const HEADER = 'id,at,shop,zip,price,gift,returned'
const ROWS = [
  '1,2024-01-01T00:00:00Z,7,01234,10,true,yes',
  '2,2024-01-02 00:00:00,7,01234,,false,no',
  // As the other tools that write CSV: a quoted empty field is a text, an empty one is none.
  '3,2024-01-03T01:00:00+01:00,8,"",12.5,,no',
  '4,2024-01-04T00:00:00Z,7,99999,1e2,TRUE,',
]

interface Written {
  readonly row?: string
  readonly label?: string
  readonly extra?: Readonly<Record<string, string>>
}

/** Builds the tables of a shop whose orders are CSV, and answers the rows to learn from. */
async function built({ row, label = 'column: returned, equals: yes', extra = {} }: Written = {}): Promise<readonly (readonly (string | null)[])[]> {
  rmSync(root, { recursive: true, force: true })
  mkdirSync(join(root, 'orders'), { recursive: true })
  writeFileSync(join(root, 'orders', '2024-01.csv'), `${[HEADER, ...ROWS].join('\n')}\n`)
  if (row !== undefined) writeFileSync(join(root, 'orders', '2024-02.csv'), `${HEADER}\n${row}\n`)
  for (const [name, text] of Object.entries(extra)) writeFileSync(join(root, 'orders', name), text)
  const definitions = parseDefinitions([
    { file: 'shop.yaml', text: 'kind: entity\nname: shop\njoin_key: shop\ntype: long\n' },
    {
      file: 'earlier.yaml',
      text: 'kind: window\nname: earlier\nentity: shop\nsource: {path: orders, time: {column: at}}\nwindow: 30d\nfeatures: [{name: mean, aggregate: mean, column: price}, {name: gifts, aggregate: sum, column: gift}]\n',
    },
    {
      file: 'orders.yaml',
      text: `kind: service
name: returns
path: orders
key: [id]
entity: shop
moment: {column: at}
label: {${label}}
inputs: [{name: at, type: datetime}, {name: shop, type: long}, {name: zip, type: string}, {name: price, type: double}, {name: gift, type: boolean}]
numeric: [{name: mean, of: ['earlier:mean']}, {name: gifts, of: ['earlier:gifts']}]
categorical: [{name: zip, of: [zip]}]
`,
    },
  ])
  await buildFeatures(definitions, definitions.services.get('returns')!, { root, out: join(root, 'out'), sample: 1, holdoutDays: 0 })
  const database = await DuckDb.open({ threads: 1 })
  try {
    const columns = ['id', 'zip', 'price', 'gift', 'earlier__mean', 'earlier__gifts', '_label']
    const table = await database.columns(`SELECT ${columns.map((name) => `CAST(${name} AS VARCHAR) AS ${name}`).join(', ')} FROM read_parquet(${literal(join(root, 'out', 'train.parquet'))})`)
    return Array.from({ length: table.rows }, (_, i) => columns.map((name) => table.strings(name)[i] ?? null))
  } finally {
    database.close()
  }
}

test('CSV is read by the types that the definitions give, and nothing is guessed', async () => {
  assert.deepEqual(await built(), [
    ['1', '01234', '10.0', 'true', '10.0', '1.0', '1'],
    ['2', '01234', null, 'false', '10.0', '1.0', '0'],
    ['3', '', '12.5', null, '12.5', null, '0'],
  ])
})

test('a label may be a number above a threshold; a row without it is left out', async () => {
  assert.deepEqual((await built({ label: 'column: price, above: 11' })).map((row) => [row[0], row.at(-1)]), [['1', '0'], ['3', '1'], ['4', '1']])
})

const refused: readonly (readonly [string, Written, RegExp])[] = [
  ['a text where a number is expected', { row: '5,2024-01-05T00:00:00Z,7,1,n/a,true,yes' }, /column price holds a text that is no double: n\/a/],
  ['a fraction where a whole number is expected', { row: '5,2024-01-05T00:00:00Z,7.5,1,1,true,yes' }, /column shop holds a text that is no long: 7\.5/],
  ['a text that is no moment', { row: '5,yesterday,7,1,1,true,yes' }, /column at holds a text that is no datetime: yesterday/],
  ['a text that is no truth value', { row: '5,2024-01-05T00:00:00Z,7,1,1,perhaps,yes' }, /column gift holds a text that is no (boolean|double): perhaps/],
  ['a label that is compared with a number and is none', { label: 'column: returned, above: 0' }, /column returned holds a text that is no double: (yes|no)/],
  ['CSV beside Parquet', { extra: { 'old.parquet': 'PAR1' } }, /orders: .*2024-01\.csv and .*old\.parquet are of different kinds/],
]
for (const [what, written, message] of refused) {
  test(`${what} is refused by name`, async () => {
    await assert.rejects(built(written), { code: 'DATA_UNREADABLE', message })
  })
}
