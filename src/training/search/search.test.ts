import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MillraceError } from '../../platform/errors/index.ts'
import { type Clause, EXPERIMENTS, type Grammar, MODEL_VERSIONS, REGISTERED_MODELS, RUNS, parseFilter, parseOrders } from './index.ts'

const short = ({ entity, key, operator, ...rest }: Clause) => [entity, key, operator, ...('value' in rest ? [rest.value] : [])]

const understood: readonly (readonly [Grammar, string, readonly unknown[]])[] = [
  [RUNS, '', []],
  [RUNS, '  ', []],
  [RUNS, 'metrics.auc > 0.7', [['metric', 'auc', '>', 0.7]]],
  [RUNS, 'metric.auc>=-1.5e-3', [['metric', 'auc', '>=', -0.0015]]],
  [RUNS, "params.depth = '3' and tags.`a b` LIKE '%x' AND attributes.status != \"FINISHED\"", [['param', 'depth', '=', '3'], ['tag', 'a b', 'LIKE', '%x'], ['attribute', 'status', '!=', 'FINISHED']]],
  [RUNS, "tags.mlflow.source.name ilike 'Train%'", [['tag', 'mlflow.source.name', 'ILIKE', 'Train%']]],
  [RUNS, 'parameters."my param" IS NULL and tag.x is not null', [['param', 'my param', 'IS NULL'], ['tag', 'x', 'IS NOT NULL']]],
  [RUNS, "run_id in ('a', 'b')", [['attribute', 'run_id', 'IN', ['a', 'b']]]],
  [RUNS, "run_id not in ('a',)", [['attribute', 'run_id', 'NOT IN', ['a']]]],
  [RUNS, 'created > 5 and `Run name` = \'x\'', [['attribute', 'start_time', '>', 5], ['attribute', 'run_name', '=', 'x']]],
  [RUNS, "datasets.name = 'd' and dataset.context IN ('train','test')", [['dataset', 'name', '=', 'd'], ['dataset', 'context', 'IN', ['train', 'test']]]],
  [RUNS, "tags.quote = 'it''s' and tags.x = \"a'b\"", [['tag', 'quote', '=', "it's"], ['tag', 'x', '=', "a'b"]]],
  [RUNS, 'metrics.5 = 1 and metrics.val-loss/x:1 < 2', [['metric', '5', '=', 1], ['metric', 'val-loss/x:1', '<', 2]]],
  [RUNS, "params.größe = 'ü'", [['param', 'größe', '=', 'ü']]],
  [EXPERIMENTS, "name LIKE 'a%' AND creation_time > 10 AND tags.t IS NULL", [['attribute', 'name', 'LIKE', 'a%'], ['attribute', 'creation_time', '>', 10], ['tag', 't', 'IS NULL']]],
  [REGISTERED_MODELS, "name ILIKE '%x%' and tags.owner = 'me'", [['attribute', 'name', 'ILIKE', '%x%'], ['tag', 'owner', '=', 'me']]],
  [MODEL_VERSIONS, "run_id IN ('a') and version_number >= 2 and source_path = 's'", [['attribute', 'run_id', 'IN', ['a']], ['attribute', 'version_number', '>=', 2], ['attribute', 'source_path', '=', 's']]],
]

for (const [grammar, filter, clauses] of understood) {
  test(`${grammar.what}: ${filter === '' ? '(empty)' : filter}`, () => {
    assert.deepEqual(parseFilter(grammar, filter).map(short), clauses)
  })
}

/** Filter, the index it must point at, and what the message says. */
const refused: readonly (readonly [Grammar, string, number, RegExp])[] = [
  [RUNS, 'metrics.a ! 1', 10, /unexpected "!"/],
  [RUNS, "metrics.a > '1'", 12, /expected a number without quotes/],
  [RUNS, 'metrics.a LIKE 1', 10, /expected one of = != > >= < <=/],
  [RUNS, 'params.a > 1', 9, /expected one of = != LIKE ILIKE/],
  [RUNS, 'params.a = 1', 11, /expected a string in quotes/],
  [RUNS, "params.a = 'x", 11, /this ' is never closed/],
  [RUNS, "params.a = 'x' or params.b = 'y'", 15, /expected AND or the end/],
  [RUNS, "params.a = 'x' AND", 18, /found the end/],
  [RUNS, "(params.a = 'x')", 0, /expected a key/],
  [RUNS, "nothing.a = 'x'", 0, /expected one of .*metrics/],
  [RUNS, "__proto__.a = 'x'", 0, /before the dot/],
  [RUNS, "unknown = 'x'", 0, /expected one of the attributes run_id/],
  [RUNS, "run_name in ('x')", 0, /expected one of run_id before IN/],
  [RUNS, "status IS NULL", 0, /a tag or a param before IS NULL/],
  [RUNS, 'run_id in ()', 11, /expected a string/],
  [RUNS, "dataset.colour = 'x'", 0, /datasets name, digest, context/],
  [REGISTERED_MODELS, "metrics.a = 1", 0, /before the dot/],
  [RUNS, "start_time = '5'", 13, /a number without quotes/],
]

for (const [grammar, filter, at, message] of refused) {
  test(`refused at character ${at + 1}: ${filter}`, () => {
    assert.throws(
      () => parseFilter(grammar, filter),
      (error: unknown) => {
        assert.ok(error instanceof MillraceError)
        assert.equal(error.code, 'SEARCH_INVALID')
        assert.match(error.message, message)
        assert.deepEqual(error.details, { at })
        const [, shown = '', caret = ''] = error.message.split('\n  ')
        assert.equal(caret.indexOf('^'), at, shown)
        return true
      },
    )
  })
}

test('an order is a key and a direction; the same key twice is refused', () => {
  assert.deepEqual(parseOrders(RUNS, ['metrics.`f 1` DESC', 'start_time', 'params.a asc']), [
    { entity: 'metric', key: 'f 1', descending: true },
    { entity: 'attribute', key: 'start_time', descending: false },
    { entity: 'param', key: 'a', descending: false },
  ])
  assert.throws(() => parseOrders(RUNS, ['metrics.a', 'metric.a DESC']), /named twice/)
  assert.throws(() => parseOrders(RUNS, ['metrics.a DOWN']), /expected ASC, DESC or the end/)
  assert.throws(() => parseOrders(REGISTERED_MODELS, ['tags.a']), { code: 'SEARCH_INVALID' })
})

test('any text is a filter or an error that points into it', () => {
  const word = fc.constantFrom('metrics', 'params', 'tags', '.', 'a', '`', '"', "'", '=', '!=', 'LIKE', 'IN', '(', ')', ',', 'AND', 'IS', 'NOT', 'NULL', '1', '-', ' ', '\n', '\0', '😀')
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.array(word, { maxLength: 14 }).map((words) => words.join('')), fc.array(word).map((words) => words.join(' '))), (text) => {
      try {
        parseFilter(RUNS, text)
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.code === 'SEARCH_INVALID')
        const { at } = error.details as { at: number }
        assert.ok(at >= 0 && at <= text.length)
      }
    }),
    { numRuns: 500 },
  )
})

test('any key and any value can be asked for in quotes', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), (key, value) => {
      const filter = `tags.\`${key.replaceAll('`', '``')}\` = '${value.replaceAll("'", "''")}'`
      assert.deepEqual(parseFilter(RUNS, filter).map(short), [['tag', key, '=', value]])
    }),
  )
})
