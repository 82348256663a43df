export const COMPARE_TABS = ['curves', 'differences', 'parallel', 'scatter'] as const
export type CompareTab = (typeof COMPARE_TABS)[number]

/** What of a comparison is in its address. */
export interface CompareSearch {
  /** Ids, joined with commas. */
  readonly runs: string
  readonly tab?: CompareTab
  /** Columns that are axes, joined with commas. */
  readonly axes?: string
  readonly x?: string
  readonly y?: string
}

export function parseCompareSearch(search: Readonly<Record<string, unknown>>): CompareSearch {
  const tab = COMPARE_TABS.find((name) => name === search.tab)
  const text = (name: string): Record<string, string> => (typeof search[name] === 'string' && search[name] !== '' ? { [name]: search[name] } : {})
  return { runs: search.runs === undefined ? '' : String(search.runs), ...(tab === undefined || tab === 'curves' ? {} : { tab }), ...text('axes'), ...text('x'), ...text('y') }
}
