import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import Value from 'typebox/value'

/**
 * Validates a part of a request against its typebox schema. Defaults are filled in; the text of a query, path or header is converted to the type asked for,
 * a body is taken as it is: `"5"` is no number there.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = Compile(schema)
  return (given: unknown) => {
    const value = Value.Default(schema, given)
    const converted = httpPart === 'body' ? value : Value.Convert(schema, value)
    if (check.Check(converted)) return { value: converted }
    const mistakes = check.Errors(converted)
    return {
      error: mistakes.map(({ instancePath, keyword, schemaPath, params, message }) => ({
        instancePath,
        keyword,
        schemaPath,
        params: { ...params },
        message,
      })),
    }
  }
}
