import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { POSITIVE_ABOVE } from '../../domain/classes.ts'
import { MillraceError } from '../../platform/errors/index.ts'

/** What a model answers: a class with the probability of the positive one, or a number. */
export type ModelKind = 'classifier' | 'regressor'

/** Where `score` stands for each row, and which outputs must be fetched for it. */
export interface OutputPlan {
  readonly kind: ModelKind
  readonly fetch: readonly string[]
  /** Writes `rows` scores and labels from `at` on. Labels of a regressor are its scores. */
  read(results: InferenceSession.OnnxValueMapType, rows: number, scores: Float64Array, labels: Float64Array, at: number): void
}

/**
 * Finds the outputs by the conventions of ONNX classifiers: an integer `label` [N], `probabilities` [N, 2] whose second column is the positive class.
 * A single float output [N], [N, 1] is a regression.
 */
export function planOutputs(metadata: readonly InferenceSession.ValueMetadata[]): OutputPlan {
  const maps = metadata.find((meta) => !meta.isTensor)
  const floats = metadata.filter((meta) => meta.isTensor && (meta.type === 'float32' || meta.type === 'float64'))
  const output = floats.find((meta) => /prob/i.test(meta.name)) ?? floats[0]
  if (!output?.isTensor) {
    throw new MillraceError(
      'MODEL_INVALID',
      maps
        ? `output ${maps.name} is a sequence of maps (ZipMap): export the model with zipmap=False, which gives a tensor of probabilities`
        : `the model has no output of floats; found ${metadata.map((meta) => meta.name).join(', ')}`,
    )
  }
  const width = output.shape.length < 2 ? 1 : output.shape[1]
  if (output.shape.length > 2 || (width !== 1 && width !== 2)) {
    throw new MillraceError('MODEL_INVALID', `output ${output.name} has shape [${output.shape.join(', ')}], expected [N], [N, 1] or [N, 2]`)
  }
  return plan(output.name, width, metadata.some((meta) => meta !== output && meta.isTensor && /label/i.test(meta.name)))
}

function plan(name: string, width: 1 | 2, labelled: boolean): OutputPlan {
  const kind: ModelKind = width === 2 || labelled ? 'classifier' : 'regressor'
  return {
    kind,
    fetch: [name],
    read(results, rows, scores, labels, at) {
      const data = tensorData(results[name], name, rows * width)
      for (let row = 0; row < rows; row++) {
        const score = Number(data[row * width + width - 1])
        scores[at + row] = score
        // A classifier's own label says which probability is the larger one, which the probabilities themselves say already.
        labels[at + row] = kind === 'regressor' ? score : score > POSITIVE_ABOVE ? 1 : 0
      }
    },
  }
}

function tensorData(value: Tensor | undefined, name: string, length: number): Tensor.DataType {
  if (value === undefined || value.size !== length) {
    throw new MillraceError('PREDICTION_FAILED', `output ${name} has ${value?.size ?? 0} values, expected ${length}`)
  }
  return value.data
}
