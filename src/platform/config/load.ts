import { readFileSync } from 'node:fs'
import Type, { type Static, type TObject, type TProperties, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import Value from 'typebox/value'
import { LineCounter, type Document, isCollection, isNode, isPair, isScalar, parseDocument } from 'yaml'
import { MillraceError, toMillraceError } from '../errors/index.ts'
import { environmentName } from './describe.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads a YAML file against a schema. Defaults are filled in at every level; each scalar key can be overridden by an environment variable:
 * `MILLRACE_` and the path in capitals, joined by `_`, without a leading `services` (`MILLRACE_TRACKING_PORT`).
 * Throws CONFIG_INVALID with file, line, key, what was found and what was expected, one line for each mistake.
 */
export function loadConfig<P extends TProperties>(schema: TObject<P>, file: string, environment: Environment = process.env): Static<TObject<P>> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw toMillraceError(error, `reading ${file}`)
  }
  return parseConfig(schema, text, file, environment)
}

export function parseConfig<P extends TProperties>(schema: TObject<P>, text: string, file: string, environment: Environment = {}): Static<TObject<P>> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: true })
  const [syntax] = document.errors
  if (syntax) throw new MillraceError('CONFIG_INVALID', `${file}:${syntax.linePos?.[0].line ?? 1}: ${syntax.message.split('\n')[0]}`)
  const written: unknown = document.toJS() ?? {}
  if (!isRecord(written)) throw new MillraceError('CONFIG_INVALID', `${file}:1: found ${typeName(written)}, expected a mapping`)
  const origins = new Map<string, string>()
  const value = withDefaults(schema, overridden(schema, written, environment, origins))

  const compiled = Compile(schema)
  if (compiled.Check(value)) return compiled.Clean(value) as Static<TObject<P>>
  const mistakes = new Map<string, string>()
  for (const error of compiled.Errors(value)) {
    if (error.keyword === 'additionalProperties' || error.keyword === 'anyOf') continue
    const missing = error.keyword === 'required' ? requiredNames(error.params) : []
    for (const path of missing.length > 0 ? missing.map((name) => `${error.instancePath}/${name}`) : [error.instancePath]) {
      const place = origins.get(path) ?? `${file}:${lineOf(document, lines, path)}`
      const message = `${place}: ${keyOf(path)}: ${missing.length > 0 ? 'is missing' : isSecret(schema, path) ? 'found another value (not shown)' : describe(error, valueAt(value, path))}, expected ${expectation(schema, path)}`
      mistakes.set(path, message)
    }
  }
  throw new MillraceError('CONFIG_INVALID', [...mistakes.values()].join('\n'))
}

function describe(error: { keyword: string }, found: unknown): string {
  if (error.keyword === 'boolean') return 'unknown key'
  return `found ${withoutCredentials(JSON.stringify(found) ?? 'nothing')}`
}

/** Whether the value may hold a password, and so stays out of errors. */
function isSecret(schema: TSchema, path: string): boolean {
  const at = schemaAt(schema, segments(path))
  return at !== undefined && Reflect.get(at, 'secret') === true
}

/** Errors are read by many: the user and password in an address stay out of them. */
function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@\s"]*@/g, '//[redacted]@')
}

/** What the schema asks for at a path, in words. */
function expectation(schema: TSchema, path: string): string {
  const at = schemaAt(schema, segments(path))
  if (at === undefined) {
    const parent = schemaAt(schema, segments(path).slice(0, -1))
    return parent === undefined ? 'another value' : `one of ${Object.keys(propertiesOf(parent)).join(', ')}`
  }
  return expected(at)
}

function expected(schema: TSchema): string {
  if (Type.IsUnion(schema)) return schema.anyOf.map(expected).join(' or ')
  if (Type.IsLiteral(schema)) return JSON.stringify(schema.const)
  if (Type.IsObject(schema)) return `a mapping of ${Object.keys(schema.properties).join(', ')}`
  if (Type.IsArray(schema)) return `a list of ${expected(schema.items)}`
  const limits: string[] = []
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, pattern, format, type, description } = schema as Readonly<Record<string, unknown>>
  if (minimum !== undefined) limits.push(`≥ ${String(minimum)}`)
  if (exclusiveMinimum !== undefined) limits.push(`> ${String(exclusiveMinimum)}`)
  if (maximum !== undefined) limits.push(`≤ ${String(maximum)}`)
  if (exclusiveMaximum !== undefined) limits.push(`< ${String(exclusiveMaximum)}`)
  if (format !== undefined) limits.push(String(format))
  else if (pattern !== undefined) limits.push(`matching ${String(pattern)}`)
  const what = `${type === 'integer' ? 'an integer' : `a ${String(type)}`}${limits.length > 0 ? ` ${limits.join(' and ')}` : ''}`
  return description === undefined ? what : `${what} (${String(description)})`
}

/** Fills defaults at every level: an object whose every key has a default may be left out whole. */
function withDefaults(schema: TSchema, value: unknown): unknown {
  if (Type.IsObject(schema) && (value === undefined || isRecord(value))) {
    const result: Record<string, unknown> = { ...value }
    for (const [key, property] of Object.entries(schema.properties)) {
      const filled = withDefaults(property, result[key])
      if (filled !== undefined && !(Type.IsOptional(property) && result[key] === undefined)) result[key] = filled
    }
    const mayBeEmpty = Object.values(schema.properties).every((property) => Type.IsOptional(property))
    return value === undefined && Object.keys(result).length === 0 && !mayBeEmpty ? undefined : result
  }
  if (Type.IsArray(schema) && Array.isArray(value)) return value.map((item: unknown) => withDefaults(schema.items, item))
  if (Type.IsUnion(schema) && isRecord(value)) {
    const variant = schema.anyOf.find((option) => Type.IsObject(option))
    return variant === undefined ? value : withDefaults(variant, value)
  }
  return value === undefined ? Value.Default(schema, undefined) : value
}

function overridden(schema: TSchema, written: Record<string, unknown>, environment: Environment, origins: Map<string, string>): Record<string, unknown> {
  const result = structuredClone(written)
  for (const [path, leaf] of leaves(schema, [])) {
    const name = environmentName(path)
    const text = environment[name]
    if (text === undefined || text === '') continue
    let target = result
    for (const part of path.slice(0, -1)) {
      const next = target[part]
      const child: Record<string, unknown> = isRecord(next) ? next : {}
      target[part] = child
      target = child
    }
    target[path.at(-1) ?? ''] = scalar(leaf, text)
    origins.set(`/${path.join('/')}`, `environment variable ${name}`)
  }
  return result
}

function scalar(schema: TSchema, text: string): unknown {
  if (Type.IsInteger(schema) || Type.IsNumber(schema)) return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
  if (Type.IsBoolean(schema)) return text === 'true' ? true : text === 'false' ? false : text
  return text
}

function* leaves(schema: TSchema, path: readonly string[]): Generator<[readonly string[], TSchema]> {
  if (Type.IsObject(schema)) {
    for (const [key, property] of Object.entries(schema.properties)) yield* leaves(property, [...path, key])
  } else if (!Type.IsArray(schema)) {
    yield [path, schema]
  }
}

function schemaAt(schema: TSchema, path: readonly string[]): TSchema | undefined {
  const [head, ...rest] = path
  if (head === undefined) return schema
  if (Type.IsObject(schema)) {
    const property = schema.properties[head]
    return property === undefined ? undefined : schemaAt(property, rest)
  }
  if (Type.IsArray(schema)) return schemaAt(schema.items, rest)
  if (Type.IsUnion(schema)) {
    for (const option of schema.anyOf) {
      const found = schemaAt(option, path)
      if (found !== undefined) return found
    }
  }
  return undefined
}

function propertiesOf(schema: TSchema): TProperties {
  if (Type.IsObject(schema)) return schema.properties
  if (Type.IsUnion(schema)) return Object.assign({}, ...schema.anyOf.map(propertiesOf))
  return {}
}

function lineOf(document: Document.Parsed, lines: LineCounter, path: string): number {
  const parts = segments(path)
  for (let depth = parts.length; depth > 0; depth--) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(parts.slice(0, depth - 1), true)
    const last = parts[depth - 1]
    if (isCollection(parent)) {
      for (const [i, item] of parent.items.entries()) {
        const node = isPair(item) ? item.key : item
        const name = isPair(item) ? (isScalar(item.key) ? String(item.key.value) : undefined) : String(i)
        if (name === last && isNode(node) && node.range) return lines.linePos(node.range[0]).line
      }
    }
  }
  return 1
}

function segments(path: string): string[] {
  return path.split('/').slice(1)
}

function keyOf(path: string): string {
  return segments(path).reduce((key, part) => (/^\d+$/.test(part) ? `${key}[${part}]` : key === '' ? part : `${key}.${part}`), '') || 'the file'
}

function valueAt(value: unknown, path: string): unknown {
  return segments(path).reduce<unknown>((at, part) => (Array.isArray(at) ? at[Number(part)] : isRecord(at) ? at[part] : undefined), value)
}

function requiredNames(params: unknown): readonly string[] {
  if (!isRecord(params) || !Array.isArray(params.requiredProperties)) return []
  return params.requiredProperties.filter((name: unknown) => typeof name === 'string')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function typeName(value: unknown): string {
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}
