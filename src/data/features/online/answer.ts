import type { FeatureStatus, GetOnlineFeaturesRequest, GetOnlineFeaturesResponse } from '../../../api/features.ts'
import { timeOf } from '../../../domain/moment.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { RecentRows } from './recent.ts'
import type { OnlineFeature } from './view.ts'

type Value = string | number | boolean | null

interface Column {
  readonly values: Value[]
  readonly statuses: FeatureStatus[]
  readonly event_timestamps: string[]
}

/** The features asked of one view, and the columns of the answer that they fill. */
interface Question {
  readonly recent: RecentRows
  readonly keys: readonly (string | number)[]
  readonly features: OnlineFeature[]
  readonly columns: Column[]
}

/** Answers in Feast's shape (feature_server.py, `/get-online-features`): one result per name, join keys first. Throws NOT_FOUND and BAD_REQUEST by name. */
export function answerRequest(
  viewNamed: (name: string) => RecentRows,
  request: GetOnlineFeaturesRequest,
  moment: number,
): GetOnlineFeaturesResponse {
  const rows = rowCount(request)
  const moments = momentsOf(request, rows, moment)
  const names: string[] = []
  const results: Column[] = []
  const addColumn = (name: string, column: Column): void => {
    if (names.includes(name)) throw new MillraceError('BAD_REQUEST', `two results would be named ${name}; ask with "full_feature_names": true`)
    names.push(name)
    results.push(column)
  }

  for (const [key, values] of Object.entries(request.entities)) addColumn(key, keyColumn(values))
  const questions = new Map<string, Question>()
  for (const name of request.features) {
    const at = name.indexOf(':')
    if (at < 0) throw new MillraceError('BAD_REQUEST', `features: found ${JSON.stringify(name)}, expected view:feature`)
    const view = name.slice(0, at)
    const question = questions.get(view) ?? ask(viewNamed(view), request)
    questions.set(view, question)
    const column: Column = { values: [], statuses: [], event_timestamps: [] }
    question.features.push(featureNamed(question.recent, name.slice(at + 1)))
    question.columns.push(column)
    addColumn(request.full_feature_names === true ? name.replace(':', '__') : name.slice(at + 1), column)
  }

  const format = timeFormatter()
  for (const { recent, keys, features, columns } of questions.values()) {
    for (let row = 0; row < rows; row++) {
      recent.answer(String(keys[row]), moments[row] ?? moment, features, (index, { value, status, time }) => {
        const column = columns[index]
        if (column === undefined) return
        column.values.push(value)
        column.statuses.push(status)
        column.event_timestamps.push(format(time))
      })
    }
  }
  return { results, metadata: { feature_names: names } }
}

function rowCount({ entities }: GetOnlineFeaturesRequest): number {
  const [first, ...others] = Object.entries(entities)
  if (first === undefined) throw new MillraceError('BAD_REQUEST', 'entities: expected at least one join key')
  for (const [key, values] of others) {
    if (values.length !== first[1].length) {
      throw new MillraceError('BAD_REQUEST', `entities: ${key} has ${values.length} values, ${first[0]} has ${first[1].length}`)
    }
  }
  return first[1].length
}

function momentsOf({ as_of: asOf }: GetOnlineFeaturesRequest, rows: number, moment: number): readonly number[] {
  if (asOf === undefined) return Array.from({ length: rows }, () => moment)
  if (asOf.length !== rows) throw new MillraceError('BAD_REQUEST', `as_of: found ${asOf.length} moments for ${rows} rows`)
  return asOf.map((value, row) => {
    const time = timeOf(value)
    if (Number.isNaN(time)) throw new MillraceError('BAD_REQUEST', `as_of: row ${row}: found ${JSON.stringify(value)}, expected RFC 3339 or milliseconds`)
    return time
  })
}

function ask(recent: RecentRows, { entities }: GetOnlineFeaturesRequest): Question {
  const { name, joinKey } = recent.view
  const keys = Object.hasOwn(entities, joinKey) ? entities[joinKey] : undefined
  if (keys === undefined) throw new MillraceError('BAD_REQUEST', `entities: ${joinKey} is missing, the join key of ${name}`)
  return { recent, keys, features: [], columns: [] }
}

function featureNamed(recent: RecentRows, name: string): OnlineFeature {
  const { features, name: view } = recent.view
  const found = features.find((feature) => feature.name === name)
  if (found) return found
  throw new MillraceError('NOT_FOUND', `feature view ${view} has no feature ${JSON.stringify(name)}; it has ${features.map((feature) => feature.name).join(', ')}`)
}

function keyColumn(values: readonly (string | number)[]): Column {
  return { values: [...values], statuses: values.map(() => 'PRESENT'), event_timestamps: values.map(() => EPOCH) }
}

const EPOCH = '1970-01-01T00:00:00Z'

/** RFC 3339 without empty fractions, as Feast writes it. A batch holds few different times, and formatting one costs more than finding its features. */
function timeFormatter(): (time: number) => string {
  const known = new Map<number, string>([[0, EPOCH]])
  return (time) => {
    let text = known.get(time)
    if (text === undefined) {
      text = new Date(time).toISOString().replace('.000Z', 'Z')
      known.set(time, text)
    }
    return text
  }
}
