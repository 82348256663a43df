import { ApiError } from '../../../sdk/http.ts'
import { MillraceError } from '../../platform/errors/index.ts'

const FINAL: ReadonlySet<string> = new Set(['MODEL_INVALID', 'FEATURES_INVALID', 'INPUT_INVALID', 'PREDICTION_FAILED', 'PROVIDER_MISSING', 'PATH_OUTSIDE_ROOT'])

/** What will not be better in a moment: the model itself, or an answer of tracking that blames the question. */
export function isFinal(error: unknown): boolean {
  if (error instanceof ApiError) return error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429
  return error instanceof MillraceError && FINAL.has(error.code)
}
