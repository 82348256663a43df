import { randomUUID } from 'node:crypto'
import { ApiError, type Transport } from '../../../sdk/http.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { inputsOf } from './missing.ts'
import { type ReplayReport, differences } from './report.ts'
import { Slices } from './slices.ts'
import { type Recorded, type Row, groupsOf, resend } from './rows.ts'
import type { Compared, ReplayStore, Span } from './source.ts'

export interface ReplayOptions extends Span {
  readonly version: string
  /** A version; absent: what was recorded. */
  readonly against?: string
  readonly by?: string
  readonly onProgress: (done: number, total: number) => void
}

interface Sent {
  readonly recorded: Recorded
  readonly row: Row
}

/** Rows of one request: few enough that live traffic does not wait long behind them. */
const ROWS = 100

/** Sends recorded rows to a version as probes, one request at a time, and compares the answers. */
export async function replay(store: ReplayStore, transport: Transport, options: ReplayOptions): Promise<ReplayReport> {
  const { model, version, against, by } = options
  const columns = await inputsOf(transport, model, version)
  const ask = asker(transport, model)
  const total = await store.count()
  const refused = { rows: 0, example: null as string | null }
  const masked = { rows: 0, column: null as string | null }
  let done = 0
  let replayed = 0
  let classifier = true
  const slices = new Slices(by)
  const compare = async (sent: readonly Sent[]): Promise<void> => {
    try {
      const rows = sent.map(({ row }) => row)
      const answered = await ask(version, rows)
      const baseline = against === undefined ? null : await ask(against, rows)
      classifier = answered.classifier
      await store.add(sent.map(({ recorded, row }, i): Compared => ({
        a: baseline?.scores[i] ?? recorded.score,
        b: answered.scores[i]!,
        label: recorded.label,
        slice: slices.of(row, recorded.features),
      })))
      replayed += sent.length
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'INPUT_INVALID') throw error
      // One bad row is refused with all that came with it.
      if (sent.length > 1) for (const one of sent) await compare([one])
      else {
        refused.rows++
        refused.example ??= errorMessage(error)
      }
    }
  }
  for await (const chunk of store.recorded()) {
    const sendable: Sent[] = []
    for (const recorded of chunk) {
      const again = resend(recorded, columns)
      if ('row' in again) sendable.push({ recorded, row: again.row })
      else {
        masked.rows++
        masked.column ??= again.masked
      }
    }
    for (const group of groupsOf(sendable)) {
      for (let at = 0; at < group.length; at += ROWS) {
        await compare(group.slice(at, at + ROWS))
        options.onProgress(Math.min(done + at + ROWS, total), total)
      }
    }
    done += chunk.length
    options.onProgress(done, total)
  }
  slices.check()
  const span = { from: new Date(options.from).toISOString(), to: new Date(options.to).toISOString() }
  const found = await differences(store, classifier, by ?? null)
  return { model, ...span, a: against ?? 'recorded', b: version, recorded: total, replayed, refused, masked, by_tensors: await store.countTensors(), by: by ?? null, ...found }
}

/**
 * By KServe's V1, which answers a score to each row whatever the model's own tensors are called: where the columns have the names of these, V2 would take the row for them. INPUT_INVALID
 * where the version refuses the rows, or answers something else.
 */
function asker(transport: Transport, model: string) {
  const run = randomUUID()
  let count = 0
  return async (version: string, rows: readonly Row[]): Promise<Answered> => {
    const path = `/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}:predict`
    const headers = { 'x-request-id': `replay-${run}-${count++}`, 'x-millrace-probe': 'true', 'x-millrace-actor': 'replay' }
    let predictions: unknown
    try {
      ;({ predictions } = await transport.json<{ readonly predictions: unknown }>('POST', path, { body: { instances: rows }, headers }))
    } catch (error) {
      // V1's errors carry no code: a 400 or 422 is what the version says of these rows.
      if (error instanceof ApiError && (error.status === 400 || error.status === 422)) throw new MillraceError('INPUT_INVALID', error.message, { cause: error })
      throw error
    }
    const scores = Array.isArray(predictions) ? predictions.map(scoreOf) : []
    if (scores.length !== rows.length || scores.includes(undefined)) throw new MillraceError('INPUT_INVALID', `version ${version} of ${model} answers no score for each row`)
    return { scores: scores.filter((score) => score !== undefined), classifier: Array.isArray(predictions) && typeof predictions[0] === 'object' }
  }
}

interface Answered {
  readonly scores: readonly number[]
  /** Whether they are probabilities. */
  readonly classifier: boolean
}

function scoreOf(prediction: unknown): number | undefined {
  const score: unknown = typeof prediction === 'object' && prediction !== null && 'probability' in prediction ? prediction.probability : prediction
  return typeof score === 'number' ? score : undefined
}
