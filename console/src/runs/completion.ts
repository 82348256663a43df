import { type ColumnId, KIND_NAMES, inSearch, parseColumn, quoted } from '../tracking/keys.ts'

/** What may be searched for here. */
export interface Vocabulary {
  readonly columns: readonly ColumnId[]
  readonly valuesOf: (column: ColumnId) => readonly string[]
}

export interface Suggestion {
  readonly text: string
  readonly note: string
}

export interface Completion {
  /** The part of the filter, from where to where, that a suggestion replaces. */
  readonly from: number
  readonly to: number
  readonly suggestions: readonly Suggestion[]
}

const MOST = 50
const NUMBER_ATTRIBUTES = ['start_time', 'end_time']
const ATTRIBUTES = ['run_name', 'run_id', 'status', 'user_id', 'artifact_uri', ...NUMBER_ATTRIBUTES]
const DATASET = ['dataset.name', 'dataset.digest', 'dataset.context']
const STATUSES = ['FINISHED', 'RUNNING', 'FAILED', 'KILLED', 'SCHEDULED']
const COMPARISONS: readonly Suggestion[] = [
  { text: '>', note: 'greater than' },
  { text: '>=', note: 'at least' },
  { text: '<', note: 'less than' },
  { text: '<=', note: 'at most' },
  { text: '=', note: 'equal to' },
  { text: '!=', note: 'other than' },
]
const TEXT_COMPARISONS: readonly Suggestion[] = [
  { text: '=', note: 'equal to' },
  { text: '!=', note: 'other than' },
  { text: 'LIKE', note: '% stands for any text' },
  { text: 'ILIKE', note: 'LIKE, in any case' },
]
const PRESENCE: readonly Suggestion[] = [
  { text: 'IS NULL', note: 'has none' },
  { text: 'IS NOT NULL', note: 'has one' },
]
const AND: Suggestion = { text: 'AND', note: 'and also' }

/** Forgiving where the server's grammar is strict: half a filter has to be read too. */
const TOKEN = /(?<identifier>[\p{L}_][\p{L}\p{N}_\-/:@]*(?:\.(?:[\p{L}\p{N}_\-/:@]+|`[^`]*`?|"[^"]*"?))*\.?)|(?<string>'(?:[^']|'')*'?|"(?:[^"]|"")*"?)|(?<number>[+-]?\d[\d.eE+-]*)|(?<operator>[!<>=]+)|(?<other>\S)/gu

interface Piece {
  readonly kind: 'identifier' | 'string' | 'number' | 'operator' | 'other'
  readonly text: string
  readonly at: number
  readonly end: number
}

/** What may be written at `caret`. */
export function complete(filter: string, caret: number, vocabulary: Vocabulary): Completion {
  const before = pieces(filter.slice(0, caret))
  const last = before.at(-1)
  const touching = last !== undefined && last.end === caret
  const written = touching ? last : undefined
  const settled = touching ? before.slice(0, -1) : before
  const from = written?.at ?? caret
  const answer = (suggestions: readonly Suggestion[]): Completion => ({ from, to: caret, suggestions: matching(suggestions, written?.text ?? '') })

  const clause = settled.slice(settled.findLastIndex(isAnd) + 1)
  const [subject, ...rest] = clause
  if (subject === undefined) return answer(subjects(vocabulary))
  const words = rest.map(({ text }) => text.toUpperCase())
  const column = columnOf(subject.text)
  if (rest.length === 0) return answer(operatorsFor(column))
  if (words[0] === 'IS') return answer(words.at(-1) === 'NULL' ? [AND] : words.includes('NOT') ? [{ text: 'NULL', note: '' }] : [{ text: 'NULL', note: 'has none' }, { text: 'NOT NULL', note: 'has one' }])
  if (words[0] === 'NOT' && words.length === 1) return answer([{ text: 'IN', note: 'one of a list' }])
  if (words.includes('IN')) return answer(words.at(-1) === ')' ? [AND] : [])
  if (rest.length === 1) return answer(valuesFor(column, vocabulary, words[0]?.includes('LIKE') ?? false))
  return answer([AND])
}

function pieces(text: string): readonly Piece[] {
  return [...text.matchAll(TOKEN)].map((match): Piece => {
    const groups = match.groups ?? {}
    const kind = (['identifier', 'string', 'number', 'operator'] as const).find((name) => groups[name] !== undefined) ?? 'other'
    return { kind, text: match[0], at: match.index, end: match.index + match[0].length }
  })
}

const isAnd = ({ kind, text }: Piece): boolean => kind === 'identifier' && text.toUpperCase() === 'AND'

function matching(suggestions: readonly Suggestion[], written: string): readonly Suggestion[] {
  const wanted = plain(written)
  const scored = suggestions.flatMap((suggestion, i) => {
    if (suggestion.text === written) return []
    const at = plain(suggestion.text).indexOf(wanted)
    const key = plain(suggestion.text).indexOf(`.${wanted}`)
    return at < 0 ? [] : [{ suggestion, score: at === 0 ? 0 : key >= 0 ? 1 : 2, i }]
  })
  return scored.sort((a, b) => a.score - b.score || a.i - b.i).slice(0, MOST).map(({ suggestion }) => suggestion)
}

const plain = (text: string): string => text.toLowerCase().replaceAll(/[`'"]/g, '')

function subjects({ columns }: Vocabulary): readonly Suggestion[] {
  const seen = columns.filter((id) => !id.startsWith('attributes.'))
  return [
    ...seen.map((id) => ({ text: inSearch(id), note: KIND_NAMES[parseColumn(id)?.kind ?? 'tags'] })),
    ...ATTRIBUTES.map((name) => ({ text: `attributes.${name}`, note: KIND_NAMES.attributes })),
    ...DATASET.map((name) => ({ text: name, note: 'dataset' })),
  ]
}

/** The column that an identifier names, whatever alias of its entity it uses. */
function columnOf(identifier: string): ColumnId {
  const dot = identifier.indexOf('.')
  const entity = dot < 0 ? 'attributes' : identifier.slice(0, dot).toLowerCase()
  const key = identifier.slice(dot + 1).replaceAll(/[`"]/g, '')
  const kind = /^metrics?$/.test(entity) ? 'metrics' : /^param(eter)?s?$/.test(entity) ? 'params' : /^tags?$/.test(entity) ? 'tags' : /^datasets?$/.test(entity) ? 'dataset' : 'attributes'
  return `${kind}.${key}`
}

function isNumber(column: ColumnId): boolean {
  return column.startsWith('metrics.') || NUMBER_ATTRIBUTES.some((name) => column === `attributes.${name}`)
}

function operatorsFor(column: ColumnId): readonly Suggestion[] {
  if (isNumber(column)) return COMPARISONS
  if (column === 'attributes.run_id' || column.startsWith('dataset.')) return [...TEXT_COMPARISONS, { text: 'IN', note: "one of a list: ('a', 'b')" }]
  return column.startsWith('attributes.') ? TEXT_COMPARISONS : [...TEXT_COMPARISONS, ...PRESENCE]
}

function valuesFor(column: ColumnId, { valuesOf }: Vocabulary, like: boolean): readonly Suggestion[] {
  if (isNumber(column)) return []
  const values = column === 'attributes.status' ? STATUSES : valuesOf(column)
  return values.filter((value) => value.length <= 200).map((value) => ({ text: quoted(like ? `%${value}%` : value), note: '' }))
}
