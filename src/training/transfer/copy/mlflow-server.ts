import { ApiError, type Transport } from '../../../../sdk/http.ts'
import type { LoggedModel, Run } from '../../../api/tracking.ts'
import type { Note, Source } from './port.ts'

/** On what was copied to an MLflow server: its id where it came from. */
export const FROM_TAG = 'millrace.copy.from'

/** What the parts of this target share. */
export interface MlflowServer {
  readonly get: <T>(path: string, query: Readonly<Record<string, string>>) => Promise<T>
  readonly post: <T>(path: string, body: unknown) => Promise<T>
  readonly transport: Transport
  /** Ids there of what was copied; undefined for what was not. */
  readonly runThere: (id: string) => Promise<Run | undefined>
  readonly modelThere: (id: string) => Promise<LoggedModel | undefined>
  readonly from: Source
  readonly note: Note
}

export async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}
