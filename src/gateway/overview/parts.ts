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
import type { TraceHeaders } from '../../platform/tracing/index.ts'

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
/** A service that is back so soon leaves its last answer standing: a restart must not make the page flicker. */
const STANDING_MS = 8000
const EXECUTIONS = 20

/** Asks the services about one model, and remembers what each answered last. */
export class PartsOfModel {
  readonly #url: (service: ServiceName) => string
  readonly #model: string | null
  readonly #last = new Map<string, { readonly at: number; readonly value: unknown }>()

  constructor(url: (service: ServiceName) => string, model: string | null) {
    this.#url = url
    this.#model = model
  }

  async ask(trace?: TraceHeaders): Promise<Parts> {
    const transport = (service: ServiceName) => createTransport(this.#url(service), { timeoutMs: PATIENCE_MS, headers: { ...trace } })
    const monitor = monitorClient(transport('monitor'))
    const ofModel = <T>(name: string, ask: (model: string) => Promise<T>): Promise<Part<T>> =>
      this.#model === null ? Promise.resolve({ error: 'millrace.yaml names no model yet' }) : this.#part(name, 'monitor', ask(this.#model))
    const [deployments, executions, featureViews, candidates, reports, drift, performance, services] = await Promise.all([
      this.#part('deployments', 'serving', transport('serving').json<readonly DeploymentState[]>('GET', '/deployments')),
      this.#part('executions', 'pipelines', pipelinesClient(transport('pipelines')).list({ limit: EXECUTIONS })),
      this.#part('featureViews', 'features', featuresClient(transport('features')).featureViews()),
      ofModel('candidates', (model) => monitor.candidates(model)),
      ofModel('reports', (model) => monitor.reports(model)),
      ofModel('drift', (model) => monitor.drift(model)),
      ofModel('performance', async (model) => {
        const [week, month] = await Promise.all([monitor.performance(model, 'week'), monitor.performance(model, 'month')])
        return { week, month }
      }),
      Promise.all(SERVICE_NAMES.filter((name) => name !== 'gateway').map((name) => health(name, transport(name)))),
    ])
    return { deployments, executions, featureViews, candidates, reports, drift, performance, services: [{ name: 'gateway', up: true }, ...services] }
  }

  async #part<T>(name: string, service: ServiceName, answer: Promise<T>): Promise<Part<T>> {
    try {
      const value = await answer
      this.#last.set(name, { at: Date.now(), value })
      return { value }
    } catch (error) {
      const last = this.#last.get(name)
      // What is kept under a name is what the same question was answered before.
      if (last !== undefined && Date.now() - last.at < STANDING_MS) return { value: last.value as T }
      return { error: inWords(service, error) }
    }
  }
}

async function health(name: ServiceName, transport: ReturnType<typeof createTransport>) {
  try {
    await controlClient(transport).health()
    return { name, up: true }
  } catch (error) {
    return { name, up: false, error: inWords(name, error) }
  }
}

function inWords(service: ServiceName, error: unknown): string {
  return error instanceof ApiError ? `${service} answered ${error.status}: ${error.message}` : `${service} does not answer`
}
