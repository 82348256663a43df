import { posix } from 'node:path'
import type { FastifyRequest } from 'fastify'
import type { Blobs, DirectAccess, SignedRequest } from '../../../platform/blobs/index.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { toInteger } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { requireModel } from '../logged-models/service.ts'
import { requireRun } from '../runs/service.ts'
import * as schema from './schema.ts'
import { serverKey } from './service.ts'
import { pathOf, safePath } from './uri.ts'

const PROXY = '/2.0/mlflow-artifacts'
/** Seconds, as in MLflow: of an address for the whole (MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS, and of an upload), and of one for a part. */
const SIGNED_FOR = 900
const PART_SIGNED_FOR = 3600

/**
 * Endpoints by which clients get past this process to the store: uploads in parts and signed addresses. Where the store is none that they can reach, they hear
 * MLflow's own sentences, at which its client falls back to the proxy. Locations outside of the store are never signed for: whoever names one would
 * otherwise borrow the server's credentials.
 */
export function directEndpoints({ blobs, db }: TrainingContext): readonly Endpoint[] {
  const locationOf = async ({ run_id, model_id }: { readonly run_id?: string; readonly model_id?: string }): Promise<string> => {
    if ((run_id ?? '') !== '' && (model_id ?? '') === '') return (await requireRun(db.kysely, run_id ?? '')).artifact_uri
    if ((model_id ?? '') !== '' && (run_id ?? '') === '') return (await requireModel(db.kysely, model_id ?? '')).artifact_location
    throw invalid('Exactly one of run_id and model_id must be provided.')
  }
  return [
    endpoint('POST', `${PROXY}/mpu/create/*`, schema.beginParts, async ({ path, num_parts = 1 }, request) => {
      const key = keyOfUpload(request, path)
      const { uploadId, parts } = await inParts(blobs).beginParts(key, toInteger(num_parts, 'num_parts'), PART_SIGNED_FOR)
      return { upload_id: uploadId, credentials: parts.map(({ url, headers }, i) => ({ url, part_number: i + 1, headers })) }
    }),
    endpoint('POST', `${PROXY}/mpu/complete/*`, schema.completeParts, async ({ path, upload_id, parts }, request) => {
      const key = keyOfUpload(request, path)
      const uploaded = parts.map(({ part_number, etag }) => ({ number: toInteger(part_number, 'parts.part_number'), etag }))
      await inParts(blobs).completeParts(key, upload_id, uploaded)
      return {}
    }),
    endpoint('POST', `${PROXY}/mpu/abort/*`, schema.abortParts, async ({ path, upload_id }, request) => {
      const key = keyOfUpload(request, path)
      await inParts(blobs).abortParts(key, upload_id)
      return {}
    }),
    endpoint('GET', `${PROXY}/presigned/*`, schema.presigned, async (_input, request) => {
      const key = pathOf(request)
      if (blobs.direct === undefined) throw unsupported('Multipart download')
      const { url, headers, size } = await blobs.direct.signGet(key, SIGNED_FOR)
      return { url, headers, file_size: size }
    }),
    endpoint('POST', '/2.0/mlflow/artifacts/presigned-upload-url', schema.presignUpload, async ({ run_id, model_id, path, expiration = SIGNED_FOR }) => {
      const below = safePath(path)
      const key = posix.join(serverKey(await locationOf({ ...(run_id === undefined ? {} : { run_id }), ...(model_id === undefined ? {} : { model_id }) })), below)
      if (blobs.direct === undefined) throw proxied('upload', 'This endpoint requires a direct cloud storage artifact URI.')
      return presented(await blobs.direct.signPut(key, toInteger(expiration, 'expiration')))
    }),
    endpoint('POST', '/2.0/mlflow/artifacts/presigned-download-url', schema.presignDownload, async ({ run_id, path, expiration = SIGNED_FOR }) => {
      const below = safePath(path)
      const run = await requireRun(db.kysely, run_id)
      const key = posix.join(serverKey(run.artifact_uri), below)
      if (blobs.direct === undefined) throw proxied('download', 'This endpoint requires a run with a direct cloud storage artifact URI.')
      const found = await blobs.direct.signGet(key, toInteger(expiration, 'expiration'))
      return { ...presented(found), file_size: found.size }
    }),
  ]
}

/** The folder is in the address; of the client's own path only the name counts. */
function keyOfUpload(request: FastifyRequest, path: string): string {
  return safePath(`${pathOf(request)}/${posix.basename(path)}`)
}

function inParts({ direct }: Blobs): DirectAccess {
  if (direct === undefined) throw unsupported('Multipart upload')
  return direct
}

/** Word for word: MLflow's client compares. */
function unsupported(what: string): MillraceError {
  return new MillraceError('NOT_IMPLEMENTED', `${what} is not supported for the current artifact repository`)
}

function proxied(what: string, expected: string): MillraceError {
  return invalid(`Presigned ${what} is not supported for proxied artifact storage (artifact URI scheme: mlflow-artifacts). ${expected}`)
}

function presented({ url, headers }: SignedRequest) {
  return { presigned_url: url, headers }
}
