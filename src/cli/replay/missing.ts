import type { Transport } from '../../../sdk/http.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'

/** What was asked over the Open Inference Protocol, whose errors have no code. NOT_FOUND where serving has no such model or version. */
export async function orMissing<T>(asked: Promise<T>, model: string, version: string): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof Error && 'status' in error && error.status === 404)) throw error
    throw new MillraceError('NOT_FOUND', `version ${version} of ${model} cannot be asked: ${errorMessage(error)}`, { cause: error })
  }
}

/** What the version takes. NOT_FOUND where serving does not know it. */
export async function inputsOf(transport: Transport, model: string, version: string): Promise<readonly string[]> {
  const asked = transport.json<{ readonly inputs?: readonly { readonly name: string }[] }>('GET', `/v2/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`)
  const described = await orMissing(asked, model, version)
  return (described.inputs ?? []).map(({ name }) => name)
}
