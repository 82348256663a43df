import { Metadata, type ServerUnaryCall, type handleUnaryCall } from '@grpc/grpc-js'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import { requestId } from '../../platform/http/index.ts'
import { callerOf } from '../journal/recording.ts'
import { type HotPathOptions, timeOfRequest } from '../protocols/hot-path.ts'
import { parseTensors } from '../protocols/v2/ask.ts'
import { describeServer, isReady, located, modelMetadata, modelReady, targetOf } from '../protocols/v2/server.ts'
import type { ModelRepository } from '../routing/model-repository.ts'
import { loadModel, repositoryIndex, unloadModel } from '../routing/repository-control.ts'
import type { Router } from '../routing/router.ts'
import type { Assignment } from '../rollout/split.ts'
import type { Target } from '../runtime/plane.ts'
import type { InferRequest, InferResponse } from './messages.ts'
import { tensorsOf, wishesOf } from './request.ts'
import { presenter } from './response.ts'
import { toStatus } from './status.ts'

export interface CallOptions extends Pick<HotPathOptions, 'plane' | 'clock' | 'metrics' | 'log' | 'stopping'> {
  readonly router: Router
  readonly repository: ModelRepository | null
}

interface ModelAsked {
  readonly name: string
  readonly version: string
}

interface ModelToLoad {
  readonly model_name: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/** The calls of `inference.GRPCInferenceService`: each translates, and asks what REST asks too. */
export function inferenceCalls(options: CallOptions) {
  const { router, repository, log } = options
  const unary = <Q, A>(answer: (request: Q) => A | Promise<A>): handleUnaryCall<Q, A> => async ({ request }, callback) => {
    try {
      callback(null, await answer(request))
    } catch (error) {
      const known = toMillraceError(error)
      if (known.status === 500) log.error({ err: error }, known.message)
      callback(toStatus(known))
    }
  }
  const versionOf = ({ version }: ModelAsked) => (version === '' ? undefined : version)
  return {
    ServerLive: unary((_asked: object) => ({ live: true })),
    ServerReady: unary((_asked: object) => ({ ready: isReady(router) && !options.stopping() })),
    ModelReady: unary((asked: ModelAsked) => ({ ready: isModelReady(router, asked.name, versionOf(asked)) })),
    ServerMetadata: unary((_asked: object) => describeServer()),
    ModelMetadata: unary((asked: ModelAsked) => modelMetadata(router, asked.name, versionOf(asked))),
    ModelInfer: inferCall(options),
    RepositoryIndex: unary(({ ready }: { readonly ready: boolean }) => ({ models: repositoryIndex(router, ready) })),
    RepositoryModelLoad: unary(async ({ model_name: model, parameters }: ModelToLoad) => {
      await loadModel(router, repository, model, Object.keys(parameters))
      return {}
    }),
    RepositoryModelUnload: unary(async ({ model_name: model }: ModelToLoad) => {
      await unloadModel(router, repository, model)
      return {}
    }),
  }
}

/** A model that is not there is not ready, as Triton answers it over gRPC. */
function isModelReady(router: Router, model: string, version: string | undefined): boolean {
  try {
    return modelReady(router, model, version).ready
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'NOT_FOUND') return false
    throw error
  }
}

/** The request's own moment, id and probe mark come as metadata, under the names that the headers have. */
function inferCall(options: CallOptions): handleUnaryCall<InferRequest, InferResponse> {
  const { plane, clock, metrics, log } = options
  return async (call, callback) => {
    const started = performance.now()
    const { request } = call
    let id = requestId(headerOf(call, 'x-request-id'))
    let model = ''
    let assignment: Assignment | null = null
    try {
      if (options.stopping()) throw new MillraceError('UNAVAILABLE', 'serving is stopping')
      const { deployment, reference } = located(options.router, request.model_name, request.model_version === '' ? undefined : request.model_version)
      if (deployment.declared) model = deployment.name
      const split = reference === undefined ? deployment.split : null
      const header = (name: string) => headerOf(call, name)
      let target = split?.preferred(header) ?? (await targetOf({ deployment, reference }))
      model = deployment.name
      const present = presenter(request.raw_input_contents.length > 0)
      const parse = ({ model: shape }: Target) => parseTensors(shape, tensorsOf(request), wishesOf(request), present, request.id === '' ? undefined : request.id)
      let parsed = parse(target)
      if (parsed.id !== undefined && headerOf(call, 'x-request-id') === undefined) id = parsed.id
      if (split !== null) {
        assignment = split.assign(deployment.target(), { id, header, parsed })
        const read = target.model
        target = assignment.target
        if (target.model !== read) parsed = parse(target)
      }
      const asked = { id, exposure: assignment?.exposure, time: timeOfRequest(clock, headerOf(call, 'x-millrace-time')), probe: headerOf(call, 'x-millrace-probe') === 'true', caller: callerOf(headerOf(call, 'x-millrace-actor')) }
      // Past its deadline, or given up by the caller.
      if (call.cancelled) throw new MillraceError('CANCELLED', 'nobody waits for this request any more')
      let answer: InferResponse
      let by: { readonly version: string; readonly metrics: { readonly duration: { observe: (seconds: number) => void } } }
      if ('tensors' in parsed) {
        const prediction = await plane.tensors.infer(deployment, target, { ...asked, inputs: parsed.tensors, fetch: parsed.fetch })
        answer = parsed.present(prediction, id)
        by = prediction
      } else {
        const prediction = await plane.predict(deployment, target, { ...asked, rows: parsed.rows })
        answer = parsed.present(prediction, id)
        by = prediction
      }
      const headers = new Metadata()
      headers.set('x-request-id', id)
      headers.set('x-millrace-model-version', by.version)
      call.sendMetadata(headers)
      callback(null, answer)
      const seconds = (performance.now() - started) / 1000
      by.metrics.duration.observe(seconds)
      assignment?.meter.answered(seconds)
    } catch (error) {
      const known = toMillraceError(error)
      if (known.status >= 500 && known.code !== 'OVERLOADED') log.error({ err: error, request_id: id }, known.message)
      metrics.failed(model, known.code)
      assignment?.meter.failed(known.code)
      callback(toStatus(known, id))
    }
  }
}

function headerOf(call: ServerUnaryCall<InferRequest, InferResponse>, name: string): string | undefined {
  const [value] = call.metadata.get(name)
  return typeof value === 'string' ? value : undefined
}
