/** JSON Schema as OpenAPI 3.1 has it. */
export type JsonSchema = Readonly<Record<string, unknown>>

export function object(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[], more: JsonSchema = {}): JsonSchema {
  return { type: 'object', properties, ...(required.length > 0 ? { required } : {}), ...more }
}

/** A list of these, in their order, of which the last `optional` may be left out. */
export function listOf(items: readonly JsonSchema[], { optional = 0, ...more }: { readonly optional?: number } & JsonSchema = {}): JsonSchema {
  return { type: 'array', ...(items.length > 0 ? { prefixItems: items } : {}), minItems: items.length - optional, maxItems: items.length, ...more }
}

export function arrayOf(items: JsonSchema, more: JsonSchema = {}): JsonSchema {
  return { type: 'array', items, ...more }
}
