import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { giveWay } from '../give-way.ts'
import { countOf } from '../tensor/value.ts'
import { datatypeOfOnnx, fixedType } from '../tensor/datatypes.ts'

/** The longest run that may hold the event loop, milliseconds. */
export const RUN_LIMIT_MS = 1

/** What a model of rows must manage within the limit: less, and batches in the loop would be too small to be worth their cost. */
const FEWEST_ROWS = 32
const MANY_ROWS = 256
const RUNS = 3
/** So much over the limit that there is nothing to measure any more. */
const HOPELESS_MS = 20 * RUN_LIMIT_MS

/** How long runs take, on zeros and empty strings. */
export interface Trial {
  /** Milliseconds for one row, the best of a few; undefined where the model's shapes say too little to make an input. */
  readonly rowMs: number | undefined
  /** Rows that fit into RUN_LIMIT_MS, at least FEWEST_ROWS; no bound for a model without a batch axis; 0 where it belongs into a thread. */
  readonly rowsInLimit: number
}

type Made = new (type: Tensor.Type, data: Tensor.DataType, dims: readonly number[]) => Tensor

/** Tries runs of one row, of few and of many, each only when the one before fitted into the limit. */
export async function tryRuns(session: InferenceSession, TensorClass: Made): Promise<Trial> {
  const rowMs = await best(session, TensorClass, 1)
  if (rowMs === undefined || rowMs > RUN_LIMIT_MS) return { rowMs, rowsInLimit: 0 }
  if (!session.inputMetadata.every((meta) => meta.isTensor && typeof meta.shape[0] !== 'number')) return { rowMs, rowsInLimit: Number.POSITIVE_INFINITY }
  const few = await best(session, TensorClass, FEWEST_ROWS)
  // Its first axis is no batch: all that is known is the run of one.
  if (few === undefined) return { rowMs, rowsInLimit: Number.POSITIVE_INFINITY }
  if (few > RUN_LIMIT_MS) return { rowMs, rowsInLimit: 0 }
  const many = (await best(session, TensorClass, MANY_ROWS)) ?? few
  return { rowMs, rowsInLimit: Math.max(FEWEST_ROWS, Math.floor((MANY_ROWS * RUN_LIMIT_MS) / many)) }
}

async function best(session: InferenceSession, TensorClass: Made, rows: number): Promise<number | undefined> {
  const feeds = neutralFeeds(session.inputMetadata, rows, TensorClass)
  const fetch = session.outputMetadata.filter((meta) => meta.isTensor).map(({ name }) => name)
  if (feeds === undefined || fetch.length === 0) return undefined
  let fastest = Number.POSITIVE_INFINITY
  try {
    for (let i = 0; i <= RUNS; i++) {
      const { took } = await timedRun(session, feeds, fetch)
      await giveWay()
      // The first run of all sets things up.
      if (i > 0) fastest = Math.min(fastest, took)
      if (fastest > HOPELESS_MS && fastest < Number.POSITIVE_INFINITY) break
    }
  } catch {
    return undefined
  }
  return fastest
}

/**
 * A run, and how long it alone held its event loop, milliseconds. onnxruntime-node runs in an immediate of its own, so one made just before it runs just before it:
 * what lies between is the run and nothing else.
 */
async function timedRun(session: Pick<InferenceSession, 'run'>, feeds: InferenceSession.OnnxValueMapType, fetch: readonly string[]) {
  let started = 0
  setImmediate(() => (started = performance.now()))
  const results = await session.run(feeds, fetch)
  return { results, took: performance.now() - started }
}

/** Of each input `rows` rows, any other dimension that is free 1. */
function neutralFeeds(inputs: readonly InferenceSession.ValueMetadata[], rows: number, TensorClass: Made): Record<string, Tensor> | undefined {
  const feeds: Record<string, Tensor> = {}
  for (const meta of inputs) {
    const datatype = meta.isTensor ? datatypeOfOnnx(meta.type) : undefined
    if (!meta.isTensor || datatype === undefined) return undefined
    const dims = meta.shape.map((size, i) => (typeof size === 'number' && size >= 0 ? size : i === 0 ? rows : 1))
    const data = fixedType(datatype)?.make(countOf(dims)) ?? Array.from({ length: countOf(dims) }, () => '')
    feeds[meta.name] = new TensorClass(meta.type, data, dims)
  }
  return feeds
}
