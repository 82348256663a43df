import { type ReplayReport, histogram } from './report.ts'
import type { ReplayStore } from './source.ts'

/** How two versions' answers to the same tensors differ in one output: `b` less `a`, element by element. */
export interface OutputDifference {
  readonly output: string
  readonly requests: number
  readonly elements: number
  /** null where nothing can be subtracted: texts, booleans. */
  readonly mean_absolute_difference: number | null
  readonly max_absolute_difference: number | null
  /** Share of the elements that are not the same. */
  readonly changed: number
}

export interface TensorReport extends Pick<ReplayReport, 'model' | 'from' | 'to' | 'a' | 'b' | 'recorded' | 'replayed' | 'histogram'> {
  readonly refused: { readonly requests: number; readonly example: string | null }
  readonly masked: { readonly requests: number; readonly input: string | null }
  /** Requests of which an input, and outputs of which the elements, were too large to be kept. */
  readonly left_out: { readonly requests: number; readonly outputs: number }
  readonly outputs: readonly OutputDifference[]
}

/** The histogram is of each output's mean difference in each request. */
export async function tensorDifferences(store: ReplayStore): Promise<Pick<TensorReport, 'histogram' | 'outputs'>> {
  const rows = await store.rows(`select output, count(*)::INTEGER as requests, sum(elements)::DOUBLE as elements, sum(absolute) / sum(numbers) as mean, max(largest) as largest, sum(changed) / greatest(sum(elements), 1) as changed
    from compared_tensors group by output order by output`)
  const [reach] = await store.rows('select max(abs(b - a)) as largest from compared')
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null)
  return {
    histogram: typeof reach?.['largest'] === 'number' ? await histogram(store, reach['largest']) : [],
    outputs: rows.map(({ output, requests, elements, mean, largest, changed }) => ({
      output: String(output),
      requests: Number(requests),
      elements: Number(elements),
      mean_absolute_difference: number(mean),
      max_absolute_difference: number(largest),
      changed: Number(changed),
    })),
  }
}
