import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { MillraceError } from '../platform/errors/index.ts'
import { momentColumns } from './moment.ts'
import type { ColumnSpec } from './signature.ts'
import { columnTypeSchema } from './column-type.ts'
import { transformNamed } from './transforms.ts'

const closed = <P extends Parameters<typeof Type.Object>[0]>(properties: P) => Type.Object(properties, { additionalProperties: false })
const input = closed({ name: Type.String({ minLength: 1 }), transform: Type.String(), of: Type.Array(Type.String(), { minItems: 1 }) })

const schema = closed({
  format: Type.Literal('millrace.features/1'),
  /** The feature service that it was made from. */
  service: Type.String(),
  inputs: Type.Array(closed({ name: Type.String({ minLength: 1 }), type: columnTypeSchema, required: Type.Boolean() })),
  entity: closed({ name: Type.String(), joinKey: Type.String() }),
  moment: closed({ column: Type.String(), plusMinutes: Type.Array(Type.String()), offsetMinutes: Type.Number() }),
  /** Features of the store, `view:feature`; the online lookup asks for them in this order. */
  online: Type.Array(Type.String({ pattern: '^[^:]+:[^:]+$' })),
  /** `fill` stands in for a missing value, in training and in serving; null: missing stays missing, and the trees know what to do. */
  numeric: Type.Array(closed({ ...input.properties, fill: Type.Union([Type.Number(), Type.Null()]) })),
  categorical: Type.Array(input),
})

/**
 * The recorded feature engineering of one model version (`features.json` beside `model.onnx`): how a raw row and the features of
 * the store become the model's inputs, and as of which moment the store is asked.
 */
export type FeatureSpec = Static<typeof schema>

const compiled = Compile(schema)

/** FEATURES_INVALID with the place in the file for anything that is not a whole and consistent specification. */
export function parseFeatureSpec(json: string, where = 'features.json'): FeatureSpec {
  const refuse = (what: string, cause?: unknown) => new MillraceError('FEATURES_INVALID', `${where}: ${what}`, { cause })
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch (error) {
    throw refuse('is no JSON', error)
  }
  if (!compiled.Check(parsed)) {
    const [first] = compiled.Errors(parsed)
    throw refuse(`${first?.instancePath || '/'} ${first?.message ?? 'is malformed'}`)
  }
  checkReferences(parsed, refuse)
  return parsed
}

function checkReferences(spec: FeatureSpec, refuse: (what: string) => MillraceError): void {
  const raw = new Set(spec.inputs.map((column) => column.name))
  const known = new Set([...raw, ...spec.online])
  for (const column of [spec.entity.joinKey, ...momentColumns(spec.moment)]) {
    if (!raw.has(column)) throw refuse(`${column} is needed to ask the feature store, but is no input`)
  }
  const names = new Set<string>()
  for (const input of [...spec.numeric, ...spec.categorical]) {
    if (names.has(input.name)) throw refuse(`two inputs of the model are called ${input.name}`)
    names.add(input.name)
    const transform = transformNamed(input.transform)
    if (transform === undefined) throw refuse(`${input.name}: there is no transformation ${input.transform}`)
    if (transform.arguments.length !== input.of.length) {
      throw refuse(`${input.name}: ${input.transform} takes (${transform.arguments.join(', ')}), found ${input.of.length} columns`)
    }
    for (const column of input.of) if (!known.has(column)) throw refuse(`${input.name}: ${column} is neither an input nor a feature of the store`)
  }
  for (const input of spec.categorical) {
    if (input.transform !== 'passthrough') throw refuse(`${input.name}: a categorical input is taken as it is, found ${input.transform}`)
  }
}

/** `weather:temp` as a column of a request or of a training table: `weather__temp`, which is Feast's full feature name. */
export function fullFeatureName(reference: string): string {
  return reference.replace(':', '__')
}

/** The columns of a raw row: the inputs, and every feature of the store, which a caller may give instead of having it looked up. */
export function signatureInputs(spec: FeatureSpec): ColumnSpec[] {
  const categories = new Set(spec.categorical.flatMap((input) => input.of))
  return [
    ...spec.inputs,
    ...spec.online.map((reference): ColumnSpec => ({ name: fullFeatureName(reference), type: categories.has(reference) ? 'string' : 'double', required: false })),
  ]
}
