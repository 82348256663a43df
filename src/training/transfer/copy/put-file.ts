import { Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'
import { ApiError, type Transport } from '../../../../sdk/http.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { proxied } from './rest-source.ts'

const TIMEOUT_MS = 3_600_000

/** Sends a file to a location that the server passes on (`mlflow-artifacts:/…`), as it comes. false where a registered version has sealed it. */
export async function putFile(transport: Transport, uri: string, content: AsyncIterable<Uint8Array>): Promise<boolean> {
  const key = proxied(uri)
  if (key === undefined) throw new MillraceError('UPSTREAM_FAILED', `${uri}: the server there does not take artifacts in (expected mlflow-artifacts:/…)`)
  const path = key.split('/').map(encodeURIComponent).join('/')
  const body: WebStream = Readable.toWeb(Readable.from(content, { objectMode: false }))
  try {
    const response = await transport.raw('PUT', `/api/2.0/mlflow-artifacts/artifacts/${path}`, { body, timeoutMs: TIMEOUT_MS, headers: { 'content-type': 'application/octet-stream' } })
    await response.arrayBuffer()
    return true
  } catch (error) {
    if (error instanceof ApiError && error.code === 'ARTIFACT_SEALED') return false
    throw error
  }
}
