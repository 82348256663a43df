import type { handleUnaryCall } from '@grpc/grpc-js'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import { quotaExceeded } from '../limits/quota.ts'
import type { HotPathOptions } from '../protocols/hot-path.ts'
import { predict } from '../protocols/predict.ts'
import { describeServer, isReady, located, modelMetadata, modelReady } from '../protocols/v2/server.ts'
import type { Located } from '../routing/locate.ts'
import type { ModelRepository } from '../routing/model-repository.ts'
import { loadModel, repositoryIndex, unloadModel } from '../routing/repository-control.ts'
import type { Router } from '../routing/router.ts'
import { CallExchange } from './exchange.ts'
import type { InferRequest, InferResponse } from './messages.ts'
import { toStatus } from './status.ts'

export interface CallOptions extends Pick<HotPathOptions, 'plane' | 'clock' | 'metrics' | 'log' | 'lifecycle' | 'tracing'> {
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
      if (request instanceof MillraceError) throw request
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
    ServerReady: unary((_asked: object) => ({ ready: isReady(router) && !options.lifecycle.leaving })),
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
  return async (call, callback) => {
    const { request } = call
    if (request instanceof MillraceError) {
      options.metrics.failed('', request.code)
      return callback(toStatus(request))
    }
    const { model_name: model, model_version: version } = request
    const exchange = new CallExchange(call, callback, options)
    options.lifecycle.inFlight++
    try {
      const found = located(options.router, model, version === '' ? undefined : version)
      await admitCall(exchange, found)
      exchange.answer(await predict(options, exchange, found))
    } catch (error) {
      exchange.refuse(error)
    } finally {
      options.lifecycle.inFlight--
    }
  }
}

async function admitCall(exchange: CallExchange, { deployment }: Located): Promise<void> {
  const { quota } = deployment
  if (quota === null) return
  exchange.model = deployment.name
  const state = await quota.take(quota.callerOf(exchange, exchange.address), performance.now())
  exchange.counted(quota, state)
  if (!state.allowed) throw quotaExceeded(deployment.name, quota, state)
}
