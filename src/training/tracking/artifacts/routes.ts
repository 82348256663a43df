import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Blobs } from '../../../platform/blobs/index.ts'
import { type HttpServer, drain } from '../../../platform/http/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { type Endpoint, endpoint, useMlflowErrors } from '../../mlflow/routes.ts'
import { downloadUri } from '../../registry/versions.ts'
import { requireModel } from '../logged-models/service.ts'
import { requireRun } from '../runs/service.ts'
import { directEndpoints } from './direct.ts'
import * as schema from './schema.ts'
import { sendArtifact } from './send.ts'
import { listArtifacts, listBelow, readBelow, serverKey } from './service.ts'
import { pathOf, safeFolder, safePath } from './uri.ts'

const PROXY = '/2.0/mlflow-artifacts/artifacts'

/** Endpoints that answer JSON; the streams are below. */
export function artifactEndpoints(context: TrainingContext): readonly Endpoint[] {
  const { blobs, db } = context
  const ofModel = async ({ model_id, artifact_directory_path }: { model_id: string; artifact_directory_path?: string }) => {
    const model = await requireModel(db.kysely, model_id)
    return { root_uri: model.artifact_location, files: await listBelow(blobs, model.artifact_location, artifact_directory_path) }
  }
  return [
    ...directEndpoints(context),
    endpoint('GET', PROXY, schema.listFolder, async ({ path }) => ({ files: await listArtifacts(blobs, safeFolder(path)) })),
    endpoint('GET', '/2.0/mlflow/artifacts/list', schema.listOfRun, async ({ run_id, run_uuid, path }) => {
      const run = await requireRun(db.kysely, run_id ?? run_uuid ?? '')
      return { root_uri: run.artifact_uri, files: await listBelow(blobs, run.artifact_uri, path) }
    }),
    endpoint('GET', '/2.0/mlflow/logged-models/:model_id/artifacts/directories', schema.listOfModel, ofModel),
    endpoint('GET', '/2.0/mlflow/logged-models/:model_id/artifacts/files', schema.fileOfModel, async ({ model_id, artifact_file_path }, _request, reply) => {
      const model = await requireModel(db.kysely, model_id)
      return sendArtifact(reply, artifact_file_path, await readBelow(blobs, model.artifact_location, artifact_file_path))
    }),
  ]
}

/** The artifact proxy's streams, and the two download routes outside `/api`. Bodies of any type and size go straight to the store. */
export async function registerArtifactStreams(http: HttpServer, context: TrainingContext): Promise<void> {
  const { blobs, db } = context
  await http.register((scope, _options, done) => {
    useMlflowErrors(scope)
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload))
    scope.setValidatorCompiler(() => (value) => ({ value }))
    for (const prefix of ['/api', '/ajax-api']) {
      const url = `${prefix}${PROXY}/*`
      const options = { schema: { tags: ['mlflow'], hide: prefix !== '/api' } }
      scope.get(url, options, async (request, reply) => {
        const path = pathOf(request)
        return sendArtifact(reply, path, await blobs.get(path))
      })
      scope.put(url, { ...options, bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
        await receive(blobs, pathOf(request), request, reply)
        return {}
      })
      scope.delete(url, options, async (request) => {
        await blobs.delete(pathOf(request))
        return {}
      })
      scope.post(`${prefix}/2.0/mlflow/upload-artifact`, { schema: { querystring: schema.uploadToRun, hide: true }, bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
        const run = await requireRun(db.kysely, required(request, 'run_uuid'))
        await receive(blobs, `${serverKey(run.artifact_uri)}/${safePath(required(request, 'path'))}`, request, reply)
        return {}
      })
    }
    scope.get('/get-artifact', { schema: { querystring: schema.fileOfRun, tags: ['mlflow'] } }, async (request, reply) => {
      const path = required(request, 'path')
      const run = await requireRun(db.kysely, optional(request, 'run_id') ?? required(request, 'run_uuid'))
      return sendArtifact(reply, path, await readBelow(blobs, run.artifact_uri, path))
    })
    scope.get('/model-versions/get-artifact', { schema: { querystring: schema.fileOfVersion, tags: ['mlflow'] } }, async (request, reply) => {
      const path = required(request, 'path')
      const version = required(request, 'version')
      if (!/^\d{1,15}$/.test(version)) throw invalid("Parameter 'version' must be an integer")
      const root = await downloadUri(context.db.kysely, required(request, 'name'), Number(version))
      return sendArtifact(reply, path, await readBelow(blobs, root, path))
    })
    done()
  })
}

/**
 * Stores the body. After a failure in the middle of it (a sealed file, a full disk) the rest is read and thrown away, so that the client hears the refusal;
 * where it does not end the connection is closed behind the answer: half a body left on one that is used again would make the next request wait for ever.
 */
async function receive(blobs: Blobs, key: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  try {
    await blobs.put(key, request.raw.iterator({ destroyOnReturn: false }))
  } catch (error) {
    if (!(await drain(request.raw))) reply.header('connection', 'close')
    throw error
  }
}

/** One text of the query: the schemas of this scope only document, so it may lack what they require. */
function optional(request: FastifyRequest, name: string): string | undefined {
  const value: unknown = Reflect.get(request.query as object, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

function required(request: FastifyRequest, name: string): string {
  const value = optional(request, name)
  if (value === undefined) throw invalid(`Missing value for required parameter '${name}'.`)
  return value
}
