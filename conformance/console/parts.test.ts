import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseSeparated } from '../../console/src/artifacts/csv.ts'
import { fromMlflowHash } from '../../console/src/mlflow-links.ts'
import { tenuresOf } from '../../console/src/models/tenures.ts'
import { complete } from '../../console/src/runs/completion.ts'
import { parseColumns, parseRunsSearch, shownColumns, writeColumns } from '../../console/src/runs/search.ts'
import { inSearch, quoted } from '../../console/src/tracking/keys.ts'
import { formatFigure } from '../../console/src/tracking/values.ts'
import { RUNS, parseFilter } from '../../src/training/search/index.ts'
import type { AliasMove } from '../../src/api/tracking.ts'

const vocabulary = {
  columns: ['metrics.auc', 'metrics.valid/loss', 'params.optimizer', 'tags.mlflow.user'],
  valuesOf: (column: string) => (column === 'params.optimizer' ? ['adam', "o'neill"] : []),
}
const texts = (filter: string): readonly string[] => complete(filter, filter.length, vocabulary).suggestions.map(({ text }) => text)

test('a filter is completed by what its grammar lets follow', () => {
  assert.deepEqual(texts('auc'), ['metrics.auc'])
  assert.deepEqual(texts('los'), ['metrics.`valid/loss`'])
  assert.deepEqual(texts('metrics.auc '), ['>', '>=', '<', '<=', '=', '!='])
  assert.ok(texts('params.optimizer ').includes('IS NULL'))
  assert.deepEqual(texts('params.optimizer = '), ["'adam'", "'o''neill'"])
  assert.deepEqual(texts("params.optimizer LIKE 'ad"), ["'%adam%'"])
  assert.deepEqual(texts('metrics.auc > 0.5 '), ['AND'])
  assert.deepEqual(texts('metrics.auc > '), [])
  assert.deepEqual(texts('params.optimizer IS '), ['NULL', 'NOT NULL'])
  assert.deepEqual(texts("metrics.auc > 1 AND tags.`mlflow.user` = 'a' a"), ['AND'])
  assert.ok(texts('status = ').includes("'FINISHED'"))
  assert.ok(texts('metrics.auc > 0.5 and ').includes('params.optimizer'))
})

test('any key and any text can be written in a filter, so that the server reads the same', () => {
  const key = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => text.trim() !== '' && !text.includes('\0'))
  fc.assert(
    fc.property(fc.constantFrom('params', 'tags'), key, fc.string(), (kind, name, value) => {
      const [clause, ...more] = parseFilter(RUNS, `${inSearch(`${kind}.${name}`)} = ${quoted(value)}`)
      assert.deepEqual(more, [])
      assert.equal(clause?.key, name)
      assert.ok(clause?.type === 'string' && clause.value === value)
    }),
  )
})

test('columns of any name come back from the address', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }).map((key) => `params.${key}`), { minLength: 1 }), (columns) => {
      assert.deepEqual(parseColumns(writeColumns(columns)), columns)
    }),
  )
})

test('without a choice, metrics and parameters are shown, and what the machine did is not', () => {
  const known = ['metrics.auc', 'metrics.system/cpu', 'params.lr', 'tags.note']
  assert.deepEqual(shownColumns({}, known).slice(3), ['metrics.auc', 'params.lr'])
  assert.deepEqual(shownColumns({ hidden: 'metrics.auc' }, known).slice(3), ['params.lr'])
  assert.deepEqual(shownColumns({ columns: 'tags.note,nonsense' }, known), ['tags.note'])
  assert.deepEqual(parseRunsSearch({ filter: 7, view: 'other', group: null }), { filter: '7' })
})

test('text between commas is read as it was written', () => {
  assert.deepEqual(parseSeparated('a,b\n"x, ""y""","two\nlines"\r\n,\nlast', ',', 100), [['a', 'b'], ['x, "y"', 'two\nlines'], ['', ''], ['last']])
  const field = fc.string({ maxLength: 8 }).filter((text) => !text.includes('\0'))
  const table = fc.integer({ min: 2, max: 4 }).chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }))
  const written = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  fc.assert(fc.property(table, (rows) => assert.deepEqual(parseSeparated(rows.map((row) => row.map(written).join(',')).join('\n'), ',', 100), rows)))
  fc.assert(fc.property(fc.string(), fc.constantFrom(',' as const, '\t' as const), (text, separator) => parseSeparated(text, separator, 50).length <= 50))
})

test("MLflow's links are read, whatever is in them", () => {
  assert.equal(fromMlflowHash('#/experiments/1/runs/abc'), '/experiments/1/runs/abc')
  assert.equal(fromMlflowHash('#/experiments/1/runs/abc/artifactPath/model'), '/experiments/1/runs/abc')
  assert.equal(fromMlflowHash('/experiments/1?searchFilter=x'), '/experiments/1')
  assert.equal(fromMlflowHash('#/models/a%20b/versions/2'), '/models/a%20b/versions/2')
  assert.equal(fromMlflowHash('#/models/a%2Fb'), '/models/a%2Fb')
  assert.equal(fromMlflowHash('#main'), undefined)
  assert.equal(fromMlflowHash(''), undefined)
  fc.assert(fc.property(fc.string(), (text) => fromMlflowHash(`#/models/${text}`)?.startsWith('/models') !== false))
})

test('figures keep apart and stay short', () => {
  const cases: readonly (readonly [number, string])[] = [[0, '0'], [0.123456789, '0.12346'], [-0.5, '−0.5'], [1e-7, '1.000e-7'], [123456, '123,456'], [12345.678, '12,345.68'], [2.5e12, '2.500e12'], [Number.NaN, 'NaN'], [Number.NEGATIVE_INFINITY, '−∞']]
  for (const [value, text] of cases) assert.equal(formatFigure(value), text)
})

test('an alias names a version from its move to the next, in the order of the moves', () => {
  const move = (seq: number, alias: string, version: string | null, day: number): AliasMove => ({ model: 'm', seq, alias, version, previous: null, actor: 'a', reason: '', time: new Date(day * 86_400_000).toISOString(), wall_time: '', kind: 'set' })
  const found = tenuresOf([move(1, 'champion', '1', 1), move(2, 'frozen', '1', 1), move(3, 'champion', '2', 5), move(4, 'champion', null, 3), move(5, 'champion', '1', 9)])
  const days = found.map(({ alias, version, from, to, open }) => [alias, version, from / 86_400_000, open ? null : to / 86_400_000])
  assert.deepEqual(days, [['champion', '1', 1, 5], ['frozen', '1', 1, null], ['champion', '2', 5, 5], ['champion', '1', 9, null]])
})
