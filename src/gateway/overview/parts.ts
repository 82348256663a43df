import { controlClient } from '../../../sdk/control.ts'
import { featuresClient } from '../../../sdk/features.ts'
import { ApiError, createTransport } from '../../../sdk/http.ts'
import { monitorClient } from '../../../sdk/monitor.ts'
import { pipelinesClient } from '../../../sdk/pipelines.ts'
import type { FeatureViewSummary } from '../../api/features.ts'
import type { Candidate, DriftSeries, PerformanceSeries, Report } from '../../api/monitor.ts'
import type { Part } from '../../api/overview.ts'
import type { Execution } from '../../api/pipelines.ts'
import type { DeploymentState } from '../../api/serving.ts'
import { SERVICE_NAMES, type ServiceName } from '../../platform/config/index.ts'

/** What the other services say of one model at one moment, each answer or its error. */
export interface Parts {
  readonly deployments: Part<readonly DeploymentState[]>
  readonly executions: Part<readonly Execution[]>
  readonly featureViews: Part<readonly FeatureViewSummary[]>
  readonly candidates: Part<readonly Candidate[]>
  readonly reports: Part<readonly Report[]>
  readonly drift: Part<DriftSeries>
  readonly performance: Part<{ readonly week: PerformanceSeries; readonly month: PerformanceSeries }>
  readonly services: readonly { readonly name: ServiceName; readonly up: boolean; readonly error?: string }[]
}

/** A page that waits for one slow service shows nothing of the nine others. */
const PATIENCE_MS = 2500
const EXECUTIONS = 20

export async function askServices(url: (service: ServiceName) => string, model: string | null): Promise<Parts> {
  const transport = (service: ServiceName) => createTransport(url(service), { timeoutMs: PATIENCE_MS })
  const monitor = monitorClient(transport('monitor'))
  const ofModel = <T>(ask: (model: string) => Promise<T>): Promise<Part<T>> =>
    model === null ? Promise.resolve({ error: 'millrace.yaml names no model yet' }) : part('monitor', ask(model))
  const [deployments, executions, featureViews, candidates, reports, drift, performance, services] = await Promise.all([
    part('serving', transport('serving').json<readonly DeploymentState[]>('GET', '/deployments')),
    part('pipelines', pipelinesClient(transport('pipelines')).list({ limit: EXECUTIONS })),
    part('features', featuresClient(transport('features')).featureViews()),
    ofModel((name) => monitor.candidates(name)),
    ofModel((name) => monitor.reports(name)),
    ofModel((name) => monitor.drift(name)),
    ofModel(async (name) => {
      const [week, month] = await Promise.all([monitor.performance(name, 'week'), monitor.performance(name, 'month')])
      return { week, month }
    }),
    Promise.all(SERVICE_NAMES.filter((name) => name !== 'gateway').map((name) => health(name, transport(name)))),
  ])
  return { deployments, executions, featureViews, candidates, reports, drift, performance, services: [{ name: 'gateway', up: true }, ...services] }
}

async function health(name: ServiceName, transport: ReturnType<typeof createTransport>) {
  const answer = await part(name, controlClient(transport).health())
  return answer.error === undefined ? { name, up: true } : { name, up: false, error: answer.error }
}

async function part<T>(service: ServiceName, answer: Promise<T>): Promise<Part<T>> {
  try {
    return { value: await answer }
  } catch (error) {
    if (error instanceof ApiError) return { error: `${service} answered ${error.status}: ${error.message}` }
    return { error: `${service} does not answer` }
  }
}
