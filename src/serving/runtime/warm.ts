import type { JournalRecord, JournalTensor } from '../../api/serving.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { giveWay } from './give-way.ts'
import type { Job, RowPredictor } from './row-model.ts'
import type { ModelSession } from './session/port.ts'
import { convert } from './tensor/convert.ts'
import { fixedType } from './tensor/datatypes.ts'
import { type TensorInterface, type TensorMap, checkInputs, runSession } from './tensor/session.ts'
import type { TensorValue } from './tensor/value.ts'

/** Runs one by one before all go together: the first runs of a session are its slow ones. */
const ALONE = 3

/**
 * Has the model predict rows that were recorded, the first of them one by one, then all at once, from the features they had then; those that it does not take are
 * left out. MODEL_INVALID where it answers one of them with no finite number, or a classifier with no probability.
 */
export async function warmRows(model: RowPredictor, records: readonly JournalRecord[]): Promise<void> {
  const fitting = records.filter(({ inputs }) => inputs !== undefined && model.validate(inputs).length === 0).slice(0, model.batch)
  if (fitting.length === 0) return
  for (const record of fitting.slice(0, ALONE)) {
    await predict(model, [record])
    await giveWay()
  }
  if (model.together) await predict(model, fitting)
}

async function predict(model: RowPredictor, records: readonly JournalRecord[]): Promise<void> {
  const job = jobOf(model, records)
  try {
    await model.run([{ job, from: 0, to: job.rows }], job.rows)
  } catch (error) {
    throw refused(records, error)
  }
  if (model.kind !== 'classifier') return
  for (const [row, score] of job.scores.entries()) {
    if (score < 0 || score > 1) throw refused(records.slice(row, row + 1), new MillraceError('MODEL_INVALID', `the probability is ${score}, expected 0 … 1`))
  }
}

function jobOf(model: RowPredictor, records: readonly JournalRecord[]): Job {
  const { builder } = model.inputs
  const rows = records.length
  const numeric = new Float64Array(rows * builder.numeric.length)
  const categorical = Array.from({ length: rows * builder.categorical.length }, () => '')
  for (const [row, { inputs = {}, features = {} }] of records.entries()) {
    const [at, textAt] = [row * builder.numeric.length, row * builder.categorical.length]
    builder.build(inputs, undefined, numeric, at, categorical, textAt)
    // What was looked up then does not stand in the row, and the store may say something else by now.
    for (const [i, name] of builder.numeric.entries()) if (typeof features[name] === 'number') numeric[at + i] = features[name]
    for (const [i, name] of builder.categorical.entries()) if (typeof features[name] === 'string') categorical[textAt + i] = features[name]
  }
  return { request: { rows: records.map(({ inputs = {} }) => inputs) }, rows, numeric, categorical, scores: new Float64Array(rows), labels: model.makeLabels(rows), parts: model.mayAnswerOther ? [] : null, settle: () => undefined }
}

/** The same for requests by tensors, each run as it came. MODEL_INVALID where the model cannot run on one of those that it takes. */
export async function warmTensors(session: Pick<ModelSession, 'run'>, model: TensorInterface, records: readonly JournalRecord[]): Promise<void> {
  const outputs = model.outputs.map(({ name }) => name)
  for (const record of records) {
    const given = tensorsOf(model, record.tensors?.inputs ?? {})
    if (!given) continue
    try {
      await runSession(session, given, outputs)
      await giveWay()
    } catch (error) {
      throw refused([record], error)
    }
  }
}

/** null for what the journal did not keep whole, and for what the model does not take. */
function tensorsOf(model: TensorInterface, recorded: Readonly<Record<string, JournalTensor>>): TensorMap | null {
  const given = new Map<string, TensorValue>()
  try {
    for (const { name, datatype } of model.inputs) {
      const tensor = recorded[name]
      if (!tensor?.data) return null
      const integer = fixedType(datatype)?.kind === 'integer'
      // Whole numbers beyond 2^53, NaN and the infinities stand as text in the journal.
      const values = tensor.datatype === 'BYTES' ? tensor.data : tensor.data.map((value) => (typeof value === 'string' ? (integer ? BigInt(value) : Number(value)) : value))
      given.set(name, { datatype, shape: tensor.shape, data: convert(values, datatype, name) })
    }
    checkInputs(model, given)
    return given
  } catch (error) {
    if (error instanceof MillraceError || error instanceof SyntaxError) return null
    throw error
  }
}

function refused(records: readonly JournalRecord[], cause: unknown): MillraceError {
  const [first] = records
  const which = records.length > 1 ? `${records.length} recorded requests, ${first?.id} and those before it` : `the recorded request ${first?.id}`
  return new MillraceError('MODEL_INVALID', `warming with ${which}: ${errorMessage(cause)}`, { cause })
}
