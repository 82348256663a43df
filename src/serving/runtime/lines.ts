import type { JournalRecord } from '../../api/serving.ts'
import { createRowWriter } from './input-row.ts'
import type { ModelInputs } from './inputs.ts'

/**
 * Writes the JSON of journal records, without the closing brace, as `LineBuffer.add` takes it. By hand: it runs once for every row that is served.
 * A request id consists of characters that JSON does not escape: the HTTP base lets no other in.
 */
export interface LineWriter {
  champion(id: string, row: number, time: number, input: Row, numeric: Float64Array, categorical: readonly string[], missing: readonly string[], score: number, probe: boolean): string
  /** The line of another alias: inputs and features stand in the champion's. */
  shadow(id: string, row: number, time: number, missing: readonly string[], score: number, probe: boolean): string
}

type Row = Readonly<Record<string, unknown>>

export function createLineWriter(model: string, version: string, alias: string, role: JournalRecord['role'], { builder, known }: Pick<ModelInputs, 'builder' | 'known'>): LineWriter {
  const rowJson = createRowWriter(known)
  const fixed = `,"model":${JSON.stringify(model)},"version":${JSON.stringify(version)},"alias":${JSON.stringify(alias)},"role":"${role}","time":`
  const numericKeys = builder.numeric.map((name) => `${JSON.stringify(name)}:`)
  const categoricalKeys = builder.categorical.map((name) => `${JSON.stringify(name)}:`)
  const head = (id: string, row: number, time: number) => `{"id":"${id}","row":${row}${fixed}${time}`
  const tail = (missing: readonly string[], score: number, probe: boolean) =>
    `${missing.length > 0 ? `,"missing":${JSON.stringify(missing)}` : ''},"score":${score}${probe ? ',"probe":true' : ''}`

  const features = (row: number, numeric: Float64Array, categorical: readonly string[]): string => {
    let text = ''
    for (let i = 0, at = row * numericKeys.length; i < numericKeys.length; i++, at++) {
      const value = numeric[at]!
      text += `${text === '' ? '' : ','}${numericKeys[i]!}${value === value ? value : 'null'}`
    }
    for (let i = 0, at = row * categoricalKeys.length; i < categoricalKeys.length; i++, at++) {
      const value = categorical[at]!
      text += `${text === '' ? '' : ','}${categoricalKeys[i]!}${value === '' ? 'null' : JSON.stringify(value)}`
    }
    return text
  }

  return {
    champion: (id, row, time, input, numeric, categorical, missing, score, probe) =>
      `${head(id, row, time)},"inputs":${rowJson(input)},"features":{${features(row, numeric, categorical)}}${tail(missing, score, probe)}`,
    shadow: (id, row, time, missing, score, probe) => head(id, row, time) + tail(missing, score, probe),
  }
}
