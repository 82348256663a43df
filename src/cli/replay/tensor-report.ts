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
  /** Of the difference farthest from 0 in each request; empty where nothing can be subtracted. */
  readonly histogram: ReplayReport['histogram']
}

export interface TensorReport extends Pick<ReplayReport, 'model' | 'from' | 'to' | 'a' | 'b' | 'recorded' | 'replayed'> {
  readonly refused: { readonly requests: number; readonly example: string | null }
  readonly masked: { readonly requests: number; readonly input: string | null }
  /** Requests of which an input, and outputs of which the elements, were too large to be kept. */
  readonly left_out: { readonly requests: number; readonly outputs: number }
  readonly outputs: readonly OutputDifference[]
}

export async function tensorDifferences(store: ReplayStore): Promise<readonly OutputDifference[]> {
  const rows = await store.rows(`select output, count(*)::INTEGER as requests, sum(elements)::DOUBLE as elements, sum(absolute) / sum(numbers) as mean, max(abs(furthest)) as largest, sum(changed) / greatest(sum(elements), 1) as changed
    from compared_tensors group by output order by output`)
  const outputs: OutputDifference[] = []
  for (const { output, requests, elements, mean, largest, changed } of rows) {
    const name = String(output)
    outputs.push({
      output: name,
      requests: Number(requests),
      elements: Number(elements),
      mean_absolute_difference: typeof mean === 'number' ? mean : null,
      max_absolute_difference: typeof largest === 'number' ? largest : null,
      changed: Number(changed),
      histogram: typeof largest === 'number' ? await histogram(store, largest, `select furthest as difference from compared_tensors where output = '${name.replaceAll("'", "''")}' and furthest is not null`) : [],
    })
  }
  return outputs
}
