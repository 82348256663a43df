import { randomUUID } from 'node:crypto'
import type { Transport } from '../../../sdk/http.ts'
import type { JournalTensor, Scalar } from '../../api/serving.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { ReplayOptions } from './run.ts'
import { slicesOf, splitRows } from './slice.ts'
import type { ReplayStore } from './source.ts'
import { inputsOf, orMissing } from './missing.ts'
import { resend } from './rows.ts'
import { Slices } from './slices.ts'
import { type TensorReport, tensorDifferences } from './tensor-report.ts'
import { type RecordedTensors, type Tensors, compareTensors, decodeAnswer, encodeRequest, tensorsOfRow, unsendable } from './tensors.ts'

/** Sent again, with what its rows are sliced by; or why it cannot be. */
type Again = { readonly recorded: RecordedTensors; readonly slicesBy: (column: string) => readonly Scalar[] } | { readonly masked: string } | { readonly leftOut: string }

/** The same as `replay` for requests whose tensors were the model's own, and for rows that were answered with no score: one at a time, output by output. */
export async function replayTensors(store: ReplayStore, transport: Transport, options: ReplayOptions): Promise<TensorReport> {
  const { model, version, against, by } = options
  const ask = asker(transport, model)
  const total = await store.countTensors()
  const refused = { requests: 0, example: null as string | null }
  const masked = { requests: 0, input: null as string | null }
  const leftOut = { requests: 0, outputs: 0 }
  const slices = new Slices(by)
  let done = 0
  let replayed = 0
  const compare = async ({ recorded, slicesBy }: Extract<Again, { readonly recorded: unknown }>): Promise<void> => {
    const answered = await ask(version, recorded.inputs)
    const before = against === undefined ? recorded.outputs : await ask(against, recorded.inputs)
    const pairs = Object.entries(before).flatMap(([name, a]) => {
      // A hashed output is no number any more.
      if (against === undefined && recorded.masked.includes(name)) return []
      const b = answered[name]
      if (!b) throw new RangeError(`there is no output ${name} any more`)
      const difference = compareTensors(name, a, b)
      if (difference === null) leftOut.outputs++
      return difference === null ? [] : [{ name, a, b, difference }]
    })
    await store.addTensors(pairs)
    if (by !== undefined) await store.addTensorRows(pairs.flatMap((pair) => compareRows(pair, slicesBy(by))))
    replayed++
  }
  for await (const chunk of everything(store, await inputsOf(transport, model, version), slices)) {
    for (const again of chunk) {
      if ('masked' in again) {
        masked.requests++
        masked.input ??= again.masked
      } else if ('leftOut' in again) leftOut.requests++
      else {
        try {
          await compare(again)
        } catch (error) {
          if (!isRefusal(error)) throw error
          refused.requests++
          refused.example ??= errorMessage(error)
        }
      }
      options.onProgress(++done, total)
    }
  }
  slices.check()
  const span = { from: new Date(options.from).toISOString(), to: new Date(options.to).toISOString() }
  return { model, ...span, a: against ?? 'recorded', b: version, recorded: total, replayed, refused, masked, left_out: leftOut, by: by ?? null, ...(await tensorDifferences(store, by !== undefined)) }
}

async function* everything(store: ReplayStore, columns: readonly string[], slices: Slices): AsyncGenerator<readonly Again[], void> {
  for await (const chunk of store.recordedTensors()) {
    yield chunk.map((recorded) => unsendable(recorded) ?? { recorded, slicesBy: (by) => slicesOf(by, recorded.inputs) })
  }
  for await (const chunk of store.recordedOutputs()) {
    yield chunk.map(({ asked, outputs }) => {
      const again = resend(asked, columns)
      if ('masked' in again) return again
      return { recorded: { inputs: tensorsOfRow(again.row), outputs, masked: asked.masked }, slicesBy: () => [slices.of(again.row, asked.features)] }
    })
  }
}

function compareRows({ name, a, b }: { readonly name: string; readonly a: JournalTensor; readonly b: JournalTensor }, slices: readonly Scalar[]) {
  const [before, after] = [splitRows(name, a, slices.length), splitRows(name, b, slices.length)]
  return slices.flatMap((slice, row) => {
    const [one, other] = [before[row], after[row]]
    const difference = one && other ? compareTensors(name, one, other) : null
    return difference ? [{ name, difference, slice }] : []
  })
}

/** What the version says of this request: 400 or 422; or an answer of another shape. */
function isRefusal(error: unknown): boolean {
  if (error instanceof MillraceError) return error.code === 'INPUT_INVALID'
  if (error instanceof RangeError) return true
  return error instanceof Error && 'status' in error && (error.status === 400 || error.status === 422)
}

function asker(transport: Transport, model: string) {
  const run = randomUUID()
  let count = 0
  return async (version: string, inputs: Tensors): Promise<Tensors> => {
    const { body, headers } = encodeRequest(inputs)
    const marks = { 'x-request-id': `replay-${run}-${count++}`, 'x-millrace-probe': 'true', 'x-millrace-actor': 'replay' }
    const asked = transport.raw('POST', `/v2/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}/infer`, { body, headers: { ...headers, ...marks } })
    const response = await orMissing(asked, model, version)
    const bytes = Buffer.from(await response.arrayBuffer())
    return decodeAnswer(bytes, Number(response.headers.get('inference-header-content-length') ?? bytes.length))
  }
}
