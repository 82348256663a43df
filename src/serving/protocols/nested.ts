import { byNameJson } from '../runtime/other-outputs.ts'
import { convert } from '../runtime/tensor/convert.ts'
import { flattenNested } from '../runtime/tensor/nested.ts'
import type { TensorInterface, TensorMap } from '../runtime/tensor/session.ts'
import { type TensorSpec, asColumn, checkShape } from '../runtime/tensor/spec.ts'
import type { TensorValue } from '../runtime/tensor/value.ts'
import { refuseName } from './names.ts'
import type { ModelShape, ParsedTensors, RowShape } from './protocol.ts'
import { badRequest, describeType, isObject } from './shapes.ts'

type Form = 'inputs' | 'instances'

/**
 * TensorFlow Serving's two forms as a model's own tensors: `inputs`, a nested list for the only input or one by the name of each; `instances`, the same, or a list of
 * objects, each of which has one element of the first axis by name. Names that the model does not know are ignored, and the answer has the names of the
 * outputs, both as with MLflow's ONNX flavour. undefined where the model is asked by
 * rows: since it takes no tensors, it has a signature of columns or gives a score a row, or since columns are named.
 */
export function readNested({ tensors, rows }: ModelShape, form: Form, value: unknown): ParsedTensors<string> | undefined {
  if (tensors && rows && !rows.signed) refuseUnknown(tensors, rows, form, value)
  if (!tensors || (rows && (rows.signed || rows.kind !== 'other' || namesColumns(tensors, value)))) return undefined
  return {
    tensors: form === 'instances' && Array.isArray(value) && value.some(isObject) ? fromInstances(tensors, value) : fromInputs(tensors, form, value),
    fetch: tensors.outputs.map(({ name }) => name),
    present: ({ outputs }) => `{"predictions":${byNameJson(outputs)}}`,
  }
}

function namesColumns({ inputs }: TensorInterface, value: unknown): boolean {
  const named = namedIn(value)
  return named !== undefined && !inputs.some(({ name }) => Object.hasOwn(named, name))
}

function namedIn(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isObject(value) ? value : Array.isArray(value) && isObject(value[0]) ? value[0] : undefined
}

/** BAD_REQUEST where names are given, and none of them is a tensor or a column of the model, which has no signature. */
function refuseUnknown(tensors: TensorInterface, rows: RowShape, form: Form, value: unknown): void {
  const named = namedIn(value)
  const [first] = named ? Object.keys(named) : []
  if (!named || first === undefined) return
  const isGiven = ({ name }: { readonly name: string }): boolean => Object.hasOwn(named, name)
  if (!rows.columns.some(isGiven) && !tensors.inputs.some(isGiven)) throw refuseName(`${form}${named === value ? '' : '[0]'}.${first}`, tensors, rows)
}

function fromInputs({ inputs }: TensorInterface, form: Form, value: unknown): TensorMap {
  const [only] = inputs
  const names = inputs.map(({ name }) => name).join(', ')
  if (!isObject(value)) {
    if (only && inputs.length === 1) return new Map([[only.name, tensorOf(only, value)]])
    throw badRequest(`${form} is ${describeType(value)}, expected an object with a nested list for each input: ${names}`)
  }
  return new Map(inputs.map((spec) => {
    const given = value[spec.name]
    if (given === undefined) throw badRequest(`${form} has no ${spec.name}; the model takes ${names}`)
    return [spec.name, tensorOf(spec, given)]
  }))
}

function fromInstances({ inputs }: TensorInterface, instances: readonly unknown[]): TensorMap {
  const elements = new Map<string, unknown[]>(inputs.map(({ name }) => [name, []]))
  for (const [i, instance] of instances.entries()) {
    const where = `instances[${i}]`
    if (!isObject(instance)) throw badRequest(`${where} is ${describeType(instance)}, expected an object as its neighbours are`)
    for (const [name, list] of elements) {
      if (instance[name] === undefined) throw badRequest(`${where} has no ${name}; the model takes ${[...elements.keys()].join(', ')}`)
      list.push(instance[name])
    }
  }
  return new Map(inputs.map((spec) => [spec.name, tensorOf(spec, elements.get(spec.name))]))
}

function tensorOf(spec: TensorSpec, value: unknown): TensorValue {
  const where = `input ${spec.name}`
  const { shape, values } = flattenNested(value, where, spec.shape)
  const tensor = { datatype: spec.datatype, shape: asColumn(spec.shape, shape) }
  checkShape(spec, tensor)
  return { ...tensor, data: convert(values, spec.datatype, where) }
}
