import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { featuresClient } from '../../sdk/features.ts'
import { createTransport } from '../../sdk/http.ts'
import { type DeploymentConfig, type OnDemandConfig, type ProjectConfig, projectConfigSchema } from '../domain/config.ts'
import { type ServiceName, parseConfig } from '../platform/config/index.ts'
import { MillraceError } from '../platform/errors/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { traceIdOf } from '../platform/tracing/index.ts'
import { recordingOf } from './journal/recording.ts'
import type { Lifecycle } from './limits/lifecycle.ts'
import type { BodyLimits } from './protocols/body.ts'
import { Deployment } from './routing/deployment.ts'
import { LATEST, type ModelRepository } from './routing/model-repository.ts'
import type { AskFeatures, LookupObserver } from './runtime/lookup.ts'
import type { ServingMetrics } from './runtime/metrics.ts'

export interface DeploymentsOptions {
  readonly url: (service: ServiceName) => string
  readonly log: Logger
  readonly metrics: ServingMetrics
  readonly projectFolder: string
  /** The service's own. */
  readonly folder: string
}


/** Milliseconds; see `createAwake`. None where whoever asks, or another worker, would have to wait for the core. */
export function busyPollOf({ services: { serving } }: Pick<ProjectConfig, 'services'>): number {
  return availableParallelism() > serving.workers ? Number.parseInt(serving.busy_poll, 10) / 1000 : 0
}

/** How long the body of a prediction may be, and a message of gRPC. */
export function bodyLimitsOf({ http, services: { serving } }: Pick<ProjectConfig, 'http' | 'services'>): BodyLimits {
  const raw = serving.body_limit ?? http.body_limit
  return { raw, parsed: Math.min(serving.json_limit, raw) }
}

/** Deployments as the configuration has them, with nothing behind their aliases yet. CONFIG_INVALID where a model stands there twice. */
export function makeDeployments(configs: readonly DeploymentConfig[], { url, log, metrics, projectFolder, folder }: DeploymentsOptions): readonly Deployment[] {
  const features = featuresClient(createTransport(url('features')))
  const ask: AskFeatures = (request, timeoutMs, trace) => features.getOnlineFeatures(request, { timeoutMs, ...(trace ? { headers: { ...trace } } : {}) })
  const observer: LookupObserver = {
    asked: (rows, seconds) => metrics.lookedUp(rows, seconds),
    failed: (rows, reason, trace) => {
      metrics.lookupFailed(rows)
      log.warn({ rows, reason, trace_id: traceIdOf(trace?.traceparent) }, 'online features were not to be had in time')
    },
  }
  const names = new Set<string>()
  return configs.map((deployment) => {
    if (names.has(deployment.model)) throw new MillraceError('CONFIG_INVALID', `deployments: ${deployment.model} stands there twice; one deployment has one alias that answers`)
    names.add(deployment.model)
    return new Deployment(deployment, ask, observer, recordingOf(deployment.journal, { projectFolder, keyFile: join(folder, 'mask.key') }))
  })
}

/** What is to be served: of a repository all models, with the settings that the configuration has for them. */
export function deploymentsOf(config: ProjectConfig, repository: ModelRepository | null): readonly DeploymentConfig[] {
  if (!repository) return config.deployments
  if (config.deployments.length > 0) return config.deployments.map((deployment) => ({ ...deployment, alias: LATEST, shadow: [] }))
  const all = { project: config.project, deployments: repository.models().map((model) => ({ model, alias: LATEST })) }
  return parseConfig(projectConfigSchema, JSON.stringify(all), 'model_repository', {}).deployments
}

/** Which versions may be asked for. Of a repository of which all models are served, those too that come after the start. */
export function onDemandOf({ on_demand, deployments }: ProjectConfig, repository: ModelRepository | null): OnDemandConfig {
  if (!repository) return on_demand
  const all = on_demand.models === 'deployed' && deployments.length === 0
  return { ...on_demand, alias: LATEST, models: all ? 'registered' : on_demand.models }
}

/** A deployment of a model that the configuration does not name, with all settings by default, and nothing behind any alias. */
export function undeclared({ project, on_demand: { alias } }: ProjectConfig, model: string, options: DeploymentsOptions): Deployment {
  const configs = parseConfig(projectConfigSchema, JSON.stringify({ project, deployments: [{ model, alias }] }), 'on_demand', {}).deployments
  const [made] = makeDeployments(configs, options)
  if (!made) throw new MillraceError('INTERNAL', `there is no deployment of ${model}`)
  made.declared = false
  return made
}

/** Waits for what was accepted, but no longer than `deadline`: a caller that reads nothing must not keep the service from stopping. */
export async function drain(lifecycle: Lifecycle, deployments: readonly Deployment[], deadline: number): Promise<void> {
  while ((lifecycle.inFlight > 0 || deployments.some((deployment) => deployment.waiting + deployment.shadowing > 0)) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
