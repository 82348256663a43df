import type { ApiAddition } from '../../platform/http/index.ts'
import { describeModel } from '../protocols/v2/metadata.ts'
import { giveWay } from '../runtime/give-way.ts'
import { sampleRow } from '../runtime/sample.ts'
import { PREDICTION_HEADERS } from '../schema.ts'
import { inferExample } from './examples.ts'
import type { JsonSchema } from './json-schema.ts'
import type { ServedModel } from './models.ts'
import { csvExample, invocationsExamples, invocationsSchema, predictExample, predictSchema, predictionsSchema, rowSchema, valuesSchema } from './rows.ts'
import { inferSchema, inferredSchema } from './tensors.ts'

export { servedModels } from './models.ts'

const MODEL_HEADER = 'x-millrace-model'

/** An example request; `headers` are those that it needs beside Content-Type. */
interface Example {
  readonly value: unknown
  readonly summary?: string
  readonly 'x-headers'?: Readonly<Record<string, string>>
}
type Examples = Readonly<Record<string, Example>>

/** A part of `/invocations`, which all models share. */
interface Invocations {
  readonly served: ServedModel
  readonly body: JsonSchema
  readonly answer: JsonSchema
  readonly json: Readonly<Record<string, unknown>>
  readonly csv: string | null
}

/** What OpenAPI says of the models that answer now: for each its own addresses, with what it takes, what it answers, and a request that may be sent as it stands. */
export async function describeModels(all: readonly ServedModel[]): Promise<ApiAddition> {
  // A swap meanwhile must not release what is still to be tried.
  for (const { model } of all) model.acquire()
  try {
    return await describe(all)
  } finally {
    for (const { model } of all) model.release()
  }
}

async function describe(all: readonly ServedModel[]): Promise<ApiAddition> {
  const paths: Record<string, object> = {}
  const schemas: Record<string, JsonSchema> = {}
  const invocations: Invocations[] = []
  for (const served of all) {
    await giveWay()
    const { name, model } = served
    const add = adderTo(schemas, name)
    const { outputs } = describeModel(name, [], model)
    const address = encodeURIComponent(name)
    const infer = await inferExample(served)
    const asked = model.tensors ? { tensors: model.tensors } : { columns: model.rows?.columns ?? [] }
    paths[`/v2/models/${address}/infer`] = operation(served, 'Open Inference Protocol', {
      content: { 'application/json': { schema: add('infer', inferSchema(asked, outputs)), ...('value' in infer ? { examples: { tensors: { value: infer.value } } } : {}) } },
      answer: add('inferred', inferredSchema(outputs)),
      ...('without' in infer ? { remark: infer.without } : {}),
    })
    if (!model.rows) continue
    const { columns } = model.rows
    const row = add('row', rowSchema(columns))
    const values = add('values', valuesSchema(columns))
    const answer = add('predictions', predictionsSchema(model.rows))
    const sample = sampleRow(model.rows, served.example)
    paths[`/v1/models/${address}:predict`] = operation(served, "KServe's V1 protocol", {
      content: { 'application/json': { schema: predictSchema(row, values), examples: { instances: { value: predictExample(columns, sample) } } } },
      answer,
    })
    invocations.push({ served, body: add('invocations', invocationsSchema(columns, row, values)), answer, json: invocationsExamples(columns, sample), csv: csvExample(columns, sample) })
  }
  if (invocations.length > 0) paths['/invocations'] = invocationsPath(invocations)
  return { paths, components: { schemas, parameters: all.length > 0 ? HEADERS : {} } }
}

/** Puts a schema under a name of the model's own, and gives a reference to it. */
function adderTo(schemas: Record<string, JsonSchema>, model: string): (what: string, schema: JsonSchema) => JsonSchema {
  const safe = model.replaceAll(/[^A-Za-z0-9._-]/g, '_')
  let name = safe
  for (let i = 2; `${name}.infer` in schemas; i++) name = `${safe}-${i}`
  return (what, schema) => {
    schemas[`${name}.${what}`] = schema
    return { $ref: `#/components/schemas/${name}.${what}` }
  }
}

interface Described {
  readonly content: Readonly<Record<string, { readonly schema: JsonSchema; readonly examples?: Examples }>>
  readonly answer: JsonSchema
  readonly remark?: string
}

function operation({ name, alias, model: { version } }: ServedModel, protocol: string, { content, answer, remark = '' }: Described): object {
  return post({
    tags: [name],
    summary: `${protocol}: ${name}`,
    description: `Version ${version}, behind the alias ${alias}. ${remark}`.trim(),
    parameters: headersBut(MODEL_HEADER),
    content,
    answer,
  })
}

function invocationsPath(all: readonly Invocations[]): object {
  const examples = (of: (one: Invocations) => Readonly<Record<string, unknown>>): Examples =>
    Object.fromEntries(
      all.flatMap((one) =>
        Object.entries(of(one)).map(([form, value]): [string, Example] => {
          const { name, named } = one.served
          return named ? [`${name}: ${form}`, { summary: `${form}, with ${MODEL_HEADER}: ${name}`, 'x-headers': { [MODEL_HEADER]: name }, value }] : [form, { value }]
        }),
      ),
    )
  const csv = examples(({ csv: text }) => (text === null ? {} : { csv: text }))
  const everyOneNamed = all.every(({ served }) => served.named)
  const names = { type: 'string', ...(everyOneNamed ? { enum: all.map(({ served }) => served.name) } : {}) }
  const parameters = [...headersBut(MODEL_HEADER), { ...HEADERS[MODEL_HEADER], required: everyOneNamed, schema: names }]
  return post({
    tags: ['predictions'],
    summary: "MLflow's scoring protocol",
    description: all.map(({ served: { name, alias, model } }) => `${name}: version ${model.version}, behind the alias ${alias}.`).join(' '),
    parameters,
    content: {
      'application/json': { schema: anyOf(all.map(({ body }) => body)), examples: examples(({ json }) => json) },
      'text/csv': { schema: { type: 'string', description: 'A header with the names of the columns, then a line for each row' }, ...(Object.keys(csv).length > 0 ? { examples: csv } : {}) },
    },
    answer: anyOf(all.map(({ answer }) => answer)),
  })
}

function anyOf(schemas: readonly JsonSchema[]): JsonSchema {
  const [only] = schemas
  return only && schemas.length === 1 ? only : { anyOf: schemas }
}

interface Operation extends Omit<Described, 'remark'> {
  readonly tags: readonly string[]
  readonly summary: string
  readonly description: string
  readonly parameters: readonly object[]
}

function post({ content, answer, ...described }: Operation): object {
  const responses = { 200: { description: 'The predictions', content: { 'application/json': { schema: answer } } }, default: { description: 'Why there are none, in the form of the protocol' } }
  return { post: { ...described, requestBody: { required: true, content }, responses } }
}

/** In components: each operation refers to them. */
const HEADERS: Readonly<Record<string, object>> = Object.fromEntries(Object.entries(PREDICTION_HEADERS).map(([name, description]) => [name, { in: 'header', name, required: false, schema: { type: 'string' }, description }]))

function headersBut(left: string): readonly object[] {
  return Object.keys(HEADERS).flatMap((name) => (name === left ? [] : [{ $ref: `#/components/parameters/${name}` }]))
}
