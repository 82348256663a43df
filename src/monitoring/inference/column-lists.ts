import type { JournalRecord } from '../../api/serving.ts'

/** Which model inputs of an answered row are known: the names of its values, in their order. */
export interface ColumnList {
  readonly names: readonly string[]
  /** Columns that the deployment masks: whether they had a value cannot be known. */
  readonly masked: readonly string[]
  /** false where the request was not in the sample of those that are recorded whole. */
  readonly recorded: boolean
}

/** As text, by which equal lists are one: a plain list of names unless there is more to say. */
export function columnListText({ features, masked = [] }: Pick<JournalRecord, 'features' | 'masked'>): string {
  if (features === undefined) return UNRECORDED
  const names = Object.keys(features)
  return JSON.stringify(masked.length === 0 ? names : { names, masked })
}

const UNRECORDED = JSON.stringify({ names: [], recorded: false })

/** What `columnListText` wrote; only this service writes it. */
export function parseColumnList(text: string): ColumnList {
  const parsed: readonly string[] | Partial<ColumnList> = JSON.parse(text)
  if (isNames(parsed)) return { names: parsed, masked: [], recorded: true }
  return { names: parsed.names ?? [], masked: parsed.masked ?? [], recorded: parsed.recorded ?? true }
}

function isNames(value: readonly string[] | Partial<ColumnList>): value is readonly string[] {
  return Array.isArray(value)
}
