import type { JournalRecord } from '../../api/serving.ts'
import { fullFeatureName } from '../../domain/feature-spec.ts'
import type { Mask } from '../journal/mask.ts'
import { createRowWriter } from './input-row.ts'
import type { ModelInputs } from './inputs.ts'

/**
 * Writes the JSON of journal records, without the closing brace, as `LineBuffer.add` takes it. By hand: it runs once for every row that is served.
 * A request id consists of characters that JSON does not escape: the HTTP base lets no other in. `members` are those of the request, with a comma before each.
 * A score that is no number is left out: `members` then has the outputs.
 */
export interface LineWriter {
  champion(id: string, row: number, time: number, input: Row, numeric: Float64Array, categorical: readonly string[], missing: readonly string[], score: number, members: string): string
  /** Without inputs and features: of another alias, whose champion's line has them, and of a request that is not in the sample. */
  brief(id: string, row: number, time: number, missing: readonly string[], score: number, members: string): string
}

type Row = Readonly<Record<string, unknown>>

export function createLineWriter(
  model: string,
  version: string,
  alias: string,
  role: JournalRecord['role'],
  { builder, known, sources }: Pick<ModelInputs, 'builder' | 'known' | 'sources'>,
  mask: Mask | null = null,
): LineWriter {
  const rowJson = createRowWriter(known)
  const fixed = `,"model":${JSON.stringify(model)},"version":${JSON.stringify(version)},"alias":${JSON.stringify(alias)},"role":"${role}","time":`
  // null: a feature that is masked, or made of something that is.
  const keyOf = (name: string): string | null => (mask && isMasked(mask, name, sources.get(name) ?? []) ? null : `${JSON.stringify(name)}:`)
  const numericKeys = builder.numeric.map(keyOf)
  const categoricalKeys = builder.categorical.map(keyOf)
  const maskedFeatures = [...builder.numeric, ...builder.categorical].filter((name) => keyOf(name) === null)
  const head = (id: string, row: number, time: number) => `{"id":"${id}","row":${row}${fixed}${time}`
  const tail = (missing: readonly string[], score: number, members: string) => `${missing.length > 0 ? `,"missing":${JSON.stringify(missing)}` : ''}${score === score ? `,"score":${score}` : ''}${members}`

  const features = (row: number, numeric: Float64Array, categorical: readonly string[]): string => {
    let text = ''
    for (let i = 0, at = row * numericKeys.length; i < numericKeys.length; i++, at++) {
      const key = numericKeys[i]!
      if (key === null) continue
      const value = numeric[at]!
      text += `${text === '' ? '' : ','}${key}${value === value ? value : 'null'}`
    }
    for (let i = 0, at = row * categoricalKeys.length; i < categoricalKeys.length; i++, at++) {
      const key = categoricalKeys[i]!
      if (key === null) continue
      const value = categorical[at]!
      text += `${text === '' ? '' : ','}${key}${value === '' ? 'null' : JSON.stringify(value)}`
    }
    return text
  }

  const brief: LineWriter['brief'] = (id, row, time, missing, score, members) => head(id, row, time) + tail(missing, score, members)
  if (mask) {
    return {
      champion: (id, row, time, input, numeric, categorical, missing, score, members) => {
        const masked = new Set(maskedFeatures)
        const inputs = rowJson(maskRow(input, mask, masked))
        return `${head(id, row, time)},"inputs":${inputs},"features":{${features(row, numeric, categorical)}}${masked.size > 0 ? `,"masked":${JSON.stringify([...masked])}` : ''}${tail(missing, score, members)}`
      },
      brief,
    }
  }
  return {
    champion: (id, row, time, input, numeric, categorical, missing, score, members) =>
      `${head(id, row, time)},"inputs":${rowJson(input)},"features":{${features(row, numeric, categorical)}}${tail(missing, score, members)}`,
    brief,
  }
}

/** By its own name, in either spelling of a feature of the store, or by what it is made of. */
function isMasked({ dropped, hashed }: Mask, name: string, sources: readonly string[]): boolean {
  return [name, ...sources, ...sources.map(fullFeatureName)].some((one) => dropped.has(one) || hashed.has(one))
}

/** The row as it may be written; `masked` takes the names of what was changed. */
function maskRow(row: Row, mask: Mask, masked: Set<string>): Row {
  const kept: Record<string, unknown> = Object.create(null)
  for (const name in row) {
    const value = row[name]
    if (mask.hashed.has(name)) {
      masked.add(name)
      kept[name] = value === null || value === undefined ? value : mask.hash(value)
    } else if (mask.dropped.has(name)) masked.add(name)
    else kept[name] = value
  }
  return kept
}
