import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { POSITIVE_ABOVE } from '../../domain/classes.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { type TensorSpec, outputSpec } from './tensor/spec.ts'

/** What a model answers: a class with the probability of the positive one; a number; or anything else, under the names of its own outputs and without a score. */
export type ModelKind = 'classifier' | 'regressor' | 'other'

/** By row: a classifier's classes as its own label output has them; of a regressor its scores. */
export type Labels = Float64Array | string[]

interface Plan {
  /** The outputs of one run that are needed. */
  readonly fetch: readonly string[]
  /** What the Open Inference Protocol gives to one who asks by rows. */
  readonly answers: readonly TensorSpec[]
}

/** Where `score` stands for each row. */
export interface ScorePlan extends Plan {
  readonly kind: 'classifier' | 'regressor'
  readonly makeLabels: (rows: number) => Labels
  /** Writes `rows` scores and labels from `at` on. */
  read(results: InferenceSession.OnnxValueMapType, rows: number, scores: Float64Array, labels: Labels, at: number): void
}

export interface OtherPlan extends Plan {
  readonly kind: 'other'
}

export type OutputPlan = ScorePlan | OtherPlan

/** What a model that gives a number for each row answers. */
export const NUMBER_ANSWERS: readonly TensorSpec[] = [{ name: 'prediction', datatype: 'FP64', shape: [-1] }]

/** What scikit-learn's converter calls the decision function of a detector of outliers, which is no probability. */
const DECISION = 'scores'

type TensorMeta = Extract<InferenceSession.ValueMetadata, { readonly isTensor: true }>

/**
 * Finds the outputs by the conventions of ONNX classifiers: `label` [N], of integers or text, and `probabilities` [N, 2], whose second column is the positive class. A
 * single float output [N], [N, 1] is a regression; what is neither is answered as it is. `ownLabels`: the classes are those that the label output says; else 1 where the
 * positive class is the likelier one, as Millrace's own learners have it, and the label output is not even fetched.
 */
export function planOutputs(metadata: readonly InferenceSession.ValueMetadata[], ownLabels: boolean): OutputPlan {
  const tensors = metadata.filter((meta): meta is TensorMeta => meta.isTensor)
  const floats = tensors.filter((meta) => meta.type === 'float32' || meta.type === 'float64')
  const output = floats.find((meta) => /prob/i.test(meta.name)) ?? floats[0]
  const label = tensors.find((meta) => meta !== output && /label/i.test(meta.name))
  const width = output && (output.shape.length < 2 ? 1 : output.shape.length === 2 ? output.shape[1] : undefined)
  if (output && width === 2 && (label || /prob/i.test(output.name))) return classifier(output.name, 2, ownLabels ? label : undefined)
  if (output && width === 1 && label && output.name !== DECISION) return classifier(output.name, 1, ownLabels ? label : undefined)
  if (output && width === 1 && tensors.length === 1) return regressor(output.name)
  return other(metadata)
}

function classifier(name: string, width: 1 | 2, label: TensorMeta | undefined): ScorePlan {
  const text = label?.type === 'string'
  const own = label && (text || /^u?int\d+$/.test(label.type)) ? label.name : undefined
  return {
    kind: 'classifier',
    fetch: own === undefined ? [name] : [name, own],
    answers: [
      { name: 'label', datatype: text ? 'BYTES' : 'INT64', shape: [-1] },
      { name: 'probability', datatype: 'FP64', shape: [-1] },
    ],
    makeLabels: (rows) => (text ? Array.from({ length: rows }, () => '') : new Float64Array(rows)),
    read(results, rows, scores, labels, at) {
      readScores(results, name, width, rows, scores, at)
      if (own !== undefined) readLabels(dataOf(results[own], own, rows), rows, labels, at)
      else if (labels instanceof Float64Array) for (let i = at; i < at + rows; i++) labels[i] = scores[i]! > POSITIVE_ABOVE ? 1 : 0
    },
  }
}

function regressor(name: string): ScorePlan {
  return {
    kind: 'regressor',
    fetch: [name],
    answers: NUMBER_ANSWERS,
    makeLabels: (rows) => new Float64Array(rows),
    read(results, rows, scores, labels, at) {
      readScores(results, name, 1, rows, scores, at)
      if (labels instanceof Float64Array) for (let i = at; i < at + rows; i++) labels[i] = scores[i]!
    },
  }
}

function other(metadata: readonly InferenceSession.ValueMetadata[]): OtherPlan {
  const maps = metadata.find((meta) => !meta.isTensor)
  const answers = metadata.map(outputSpec).filter((spec) => spec !== null)
  if (maps || answers.length === 0) {
    throw new MillraceError(
      'MODEL_INVALID',
      maps
        ? `output ${maps.name} is a sequence of maps (ZipMap): export the model with zipmap=False, which gives a tensor of probabilities`
        : `the model has no output that can be answered; found ${metadata.map((meta) => meta.name).join(', ')}`,
    )
  }
  return { kind: 'other', fetch: answers.map((spec) => spec.name), answers }
}

function readScores(results: InferenceSession.OnnxValueMapType, name: string, width: 1 | 2, rows: number, scores: Float64Array, at: number): void {
  const data = dataOf(results[name], name, rows * width)
  for (let row = 0; row < rows; row++) scores[at + row] = Number(data[row * width + width - 1])
}

function readLabels(data: Tensor.DataType, rows: number, labels: Labels, at: number): void {
  if (labels instanceof Float64Array) for (let row = 0; row < rows; row++) labels[at + row] = Number(data[row])
  else for (let row = 0; row < rows; row++) labels[at + row] = String(data[row])
}

function dataOf(value: Tensor | undefined, name: string, length: number): Tensor.DataType {
  if (value === undefined || value.size !== length) {
    throw new MillraceError('PREDICTION_FAILED', `output ${name} has ${value?.size ?? 0} values, expected ${length}`)
  }
  return value.data
}
