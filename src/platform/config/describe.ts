import Type, { type TSchema } from 'typebox'

/** One key of a file that a schema describes, as documentation tells of it. */
export interface KeyDescription {
  /** Dotted; `[]` stands for each entry of a list. */
  readonly key: string
  readonly type: string
  /** As it would be written; undefined where the key may be left out and then says nothing. */
  readonly byDefault: string | undefined
  readonly required: boolean
  /** undefined where the environment cannot set it: in lists. */
  readonly environment: string | undefined
  readonly description: string
}

/** The variable that overrides the key at `path`. */
export function environmentName(path: readonly string[]): string {
  return `MILLRACE_${path.filter((part, i) => i > 0 || part !== 'services').join('_').toUpperCase()}`
}

/** Every scalar key, in the order of the schema. What stands inside a list comes after the list itself. */
export function describeKeys(schema: TSchema, path: readonly string[] = [], optional = false): readonly KeyDescription[] {
  if (Type.IsObject(schema)) {
    return Object.entries(schema.properties).flatMap(([key, property]) => describeKeys(property, [...path, key], Type.IsOptional(property)))
  }
  const inList = path.some((part) => part.endsWith('[]'))
  const { default: byDefault, description } = schema as { readonly default?: unknown; readonly description?: string }
  const own: KeyDescription = {
    key: path.join('.'),
    type: typeName(schema),
    byDefault: byDefault === undefined ? undefined : JSON.stringify(byDefault),
    required: byDefault === undefined && !optional,
    environment: inList || Type.IsArray(schema) ? undefined : environmentName(path),
    description: description ?? '',
  }
  if (!Type.IsArray(schema) || !Type.IsObject(schema.items)) return [own]
  const items = describeKeys(schema.items, [...path.slice(0, -1), `${path.at(-1)}[]`])
  return description === undefined ? items : [own, ...items]
}

function typeName(schema: TSchema): string {
  if (Type.IsUnion(schema)) return schema.anyOf.map(typeName).join(' or ')
  if (Type.IsLiteral(schema)) return `\`${schema.const}\``
  if (Type.IsArray(schema)) return Type.IsObject(schema.items) ? 'list' : `list of ${typeName(schema.items)}`
  if (Type.IsObject(schema)) return `{ ${Object.entries(schema.properties).map(([key, property]) => `${key}: ${typeName(property)}`).join(', ')} }`
  const { type, form, format, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema as Readonly<Record<string, unknown>>
  if (typeof form === 'string') return form
  if (format === 'date-time') return 'moment (RFC 3339)'
  const limits = [
    ...(minimum === undefined ? [] : [`≥ ${String(minimum)}`]),
    ...(exclusiveMinimum === undefined ? [] : [`> ${String(exclusiveMinimum)}`]),
    ...(maximum === undefined ? [] : [`≤ ${String(maximum)}`]),
    ...(exclusiveMaximum === undefined ? [] : [`< ${String(exclusiveMaximum)}`]),
  ]
  const name = type === 'string' ? 'text' : type === 'boolean' ? '`true` or `false`' : type === 'integer' ? 'integer' : type === 'number' ? 'number' : 'anything'
  return [name, ...limits].join(' ')
}
