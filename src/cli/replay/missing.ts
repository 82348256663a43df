import type { Transport } from '../../../sdk/http.ts'
import { type ErrorCode, MillraceError, errorMessage } from '../../platform/errors/index.ts'

const CODES: Readonly<Record<number, ErrorCode>> = { 404: 'NOT_FOUND', 421: 'PROJECT_MISMATCH', 422: 'MODEL_INVALID', 503: 'MODEL_NOT_READY' }

/** What was asked over the Open Inference Protocol, whose errors have no code. NOT_FOUND where serving has no such model or version, MODEL_INVALID where it cannot serve it, MODEL_NOT_READY while it does not. */
export async function orMissing<T>(asked: Promise<T>, model: string, version: string): Promise<T> {
  try {
    return await asked
  } catch (error) {
    const code = error instanceof Error && 'status' in error && typeof error.status === 'number' ? CODES[error.status] : undefined
    if (code === undefined) throw error
    throw new MillraceError(code, `version ${version} of ${model} cannot be asked: ${errorMessage(error)}`, { cause: error })
  }
}

/** What the version takes. NOT_FOUND where serving does not know it. */
export async function inputsOf(transport: Transport, model: string, version: string): Promise<readonly string[]> {
  const asked = transport.json<{ readonly inputs?: readonly { readonly name: string }[] }>('GET', `/v2/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`)
  const described = await orMissing(asked, model, version)
  return (described.inputs ?? []).map(({ name }) => name)
}
