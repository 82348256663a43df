import type { StepName } from '../../../src/api/overview.ts'

/** What of the page is in its address: so that a link shows what its sender saw. */
export interface OverviewSearch {
  readonly model?: string
  readonly by?: 'month'
  /** The step whose events are listed. */
  readonly step?: StepName
}

const STEPS: readonly StepName[] = ['version', 'validate', 'features', 'train', 'track', 'gate', 'serve', 'live', 'watch', 'retrain']

export function parseOverviewSearch(search: Readonly<Record<string, unknown>>): OverviewSearch {
  const step = STEPS.find((name) => name === search.step)
  return {
    ...(typeof search.model === 'string' && search.model !== '' ? { model: search.model } : {}),
    ...(search.by === 'month' ? { by: 'month' } : {}),
    ...(step === undefined ? {} : { step }),
  }
}
