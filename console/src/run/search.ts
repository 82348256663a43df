export const RUN_TABS = ['overview', 'metrics', 'system', 'artifacts'] as const
export type RunTab = (typeof RUN_TABS)[number]

/** What of a run's page is in its address. */
export interface RunSearch {
  readonly tab?: RunTab
  /** The artifact that is shown. */
  readonly path?: string
}

export function parseRunSearch(search: Readonly<Record<string, unknown>>): RunSearch {
  const tab = RUN_TABS.find((name) => name === search.tab)
  return { ...(tab === undefined || tab === 'overview' ? {} : { tab }), ...(search.path === undefined || search.path === '' ? {} : { path: String(search.path) }) }
}
