import { literal } from '../../platform/duckdb/sql.ts'
import { type ReplayReport, histogram, sliceOf } from './report.ts'
import type { ReplayStore } from './source.ts'

/** How two versions' answers to the same tensors differ in one output: `b` less `a`, element by element. */
interface ElementDifference {
  readonly output: string
  readonly elements: number
  /** null where nothing can be subtracted: texts, booleans. */
  readonly mean_absolute_difference: number | null
  readonly max_absolute_difference: number | null
  /** Share of the elements that are not the same. */
  readonly changed: number
}

export interface OutputDifference extends ElementDifference {
  readonly requests: number
  /** Of the difference farthest from 0 in each request; empty where nothing can be subtracted. */
  readonly histogram: ReplayReport['histogram']
}

/** In those rows of all requests whose value of the input that is sliced by falls into `slice`. */
export interface OutputSlice extends ElementDifference {
  readonly slice: string
  readonly rows: number
}

export interface TensorReport extends Pick<ReplayReport, 'model' | 'from' | 'to' | 'a' | 'b' | 'recorded' | 'replayed'> {
  readonly refused: { readonly requests: number; readonly example: string | null }
  readonly masked: { readonly requests: number; readonly input: string | null }
  /** Requests of which an input, and outputs of which the elements, were too large to be kept. */
  readonly left_out: { readonly requests: number; readonly outputs: number }
  readonly outputs: readonly OutputDifference[]
  /** An input, or an element of one. */
  readonly by: string | null
  readonly slices: readonly OutputSlice[]
}

const ELEMENTS = 'output, sum(elements)::DOUBLE as elements, sum(absolute) / sum(numbers) as mean, max(abs(furthest)) as largest, sum(changed) / greatest(sum(elements), 1) as changed'

export async function tensorDifferences(store: ReplayStore, sliced: boolean): Promise<Pick<TensorReport, 'outputs' | 'slices'>> {
  const rows = await store.rows(`select ${ELEMENTS}, count(*)::INTEGER as requests from compared_tensors group by output order by output`)
  const outputs: OutputDifference[] = []
  for (const row of rows) {
    const found = elementsOf(row)
    const { output, max_absolute_difference: largest } = found
    const differences = `select furthest as difference from compared_tensors where output = ${literal(output)} and furthest is not null`
    outputs.push({ ...found, requests: Number(row['requests']), histogram: largest === null ? [] : await histogram(store, largest, differences) })
  }
  return { outputs, slices: sliced ? await slices(store) : [] }
}

async function slices(store: ReplayStore): Promise<readonly OutputSlice[]> {
  const slice = await sliceOf(store, 'compared_tensor_rows')
  const rows = await store.rows(`select ${slice} as slice, ${ELEMENTS}, count(*)::INTEGER as "rows" from compared_tensor_rows group by slice, output order by output, slice`)
  return rows.map((row) => ({ slice: String(row['slice']), ...elementsOf(row), rows: Number(row['rows']) }))
}

function elementsOf({ output, elements, mean, largest, changed }: Readonly<Record<string, unknown>>): ElementDifference {
  return {
    output: String(output),
    elements: Number(elements),
    mean_absolute_difference: typeof mean === 'number' ? mean : null,
    max_absolute_difference: typeof largest === 'number' ? largest : null,
    changed: Number(changed),
  }
}
