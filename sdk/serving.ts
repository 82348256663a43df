import type { RolloutAction, RolloutRequest, RolloutState } from '../src/api/rollouts.ts'
import type { DeploymentState, JournalRecord, Scalar } from '../src/api/serving.ts'
import type { RequestOptions, Transport } from './http.ts'
import { orUndefined } from './registry.ts'

export interface PredictOptions extends RequestOptions {
  /** Names the request in the journal. Give one to be able to send the same request again after a lost answer. */
  readonly requestId?: string
  /** The moment of the request, where project time is simulated; RFC 3339 where it is text. */
  readonly time?: Date | string
  /** A synthetic request, which monitoring leaves out. */
  readonly probe?: boolean
}

export interface Predictions {
  readonly requestId: string
  readonly version: string
  /** Of the positive class, in the order of the rows; of a regression the prediction itself. Empty for a model that answers otherwise. */
  readonly probabilities: readonly number[]
  /** As the model has them; empty for a regression, and for a model that is no binary classifier. */
  readonly labels: readonly (number | string)[]
}

export interface JournalPage {
  readonly records: readonly JournalRecord[]
  /** Ask for what comes after this next. */
  readonly offset: number
  readonly head: number
}

interface InferAnswer {
  readonly model_version: string
  readonly outputs: readonly { readonly name: string; readonly data: readonly unknown[] }[]
}

type Row = Readonly<Record<string, Scalar>>

/** The serving service. */
export function servingClient(transport: Transport) {
  return {
    /** The Open Inference Protocol: `POST /v2/models/MODEL[/versions/VERSION]/infer`. `version` is a number, or `@` and an alias; one that no deployment serves is loaded when it is asked for, where `on_demand` allows it (docs/serving.md). */
    predict: async (model: string, rows: readonly Row[], options: PredictOptions & { readonly version?: string } = {}): Promise<Predictions> => {
      const version = options.version === undefined ? '' : `/versions/${encodeURIComponent(options.version)}`
      const response = await transport.raw('POST', `/v2/models/${encodeURIComponent(model)}${version}/infer`, {
        ...options,
        headers: headersOf(options),
        body: { inputs: tensorsOf(rows) },
      })
      const answer = (await response.json()) as InferAnswer
      const output = (name: string) => answer.outputs.find((one) => one.name === name)?.data
      return {
        requestId: response.headers.get('x-request-id') ?? '',
        version: answer.model_version,
        ...scored(output('probability') ?? output('prediction') ?? [], output('label') ?? []),
      }
    },
    /** MLflow's `POST /invocations`, with records. `model` may be left out where one alone is deployed. */
    invocations: async (rows: readonly Row[], options: PredictOptions & { readonly model?: string } = {}): Promise<Predictions> => {
      const { model } = options
      const response = await transport.raw('POST', '/invocations', {
        ...options,
        headers: { ...(model === undefined ? {} : { 'x-millrace-model': model }), ...headersOf(options) },
        body: { dataframe_records: rows },
      })
      const { predictions } = (await response.json()) as { readonly predictions: unknown }
      const answered: readonly unknown[] = Array.isArray(predictions) ? predictions : []
      return {
        requestId: response.headers.get('x-request-id') ?? '',
        version: response.headers.get('x-millrace-model-version') ?? '',
        ...scored(
          answered.map((one) => (isClassified(one) ? one.probability : one)),
          answered.flatMap((one) => (isClassified(one) ? [one.label] : [])),
        ),
      }
    },
    deployments: (): Promise<readonly DeploymentState[]> => transport.json('GET', '/deployments'),
    /** The present rollout of the model, or the last; undefined where there was none, or its deployment has no policy. */
    rollout: (model: string): Promise<RolloutState | undefined> => orUndefined(transport.json<RolloutState>('GET', `/deployments/${encodeURIComponent(model)}/rollout`), (state) => state),
    /** May be repeated: what is so already changes nothing. ApiError with code CONFLICT where the rollout is past it. */
    moveRollout: (model: string, action: RolloutAction, request: RolloutRequest): Promise<RolloutState> =>
      transport.json('POST', `/deployments/${encodeURIComponent(model)}/rollout/${action}`, { body: request }),
    /** Records from `after` on, `limitBytes` of them at most; waits up to `waitSeconds` for a first one. */
    readJournal: async (after: number, options: RequestOptions & { readonly limitBytes?: number; readonly waitSeconds?: number } = {}): Promise<JournalPage> => {
      const { limitBytes, waitSeconds = 0 } = options
      const response = await transport.raw('GET', '/journal', {
        ...options,
        query: { after, limit: limitBytes, wait: waitSeconds },
        timeoutMs: options.timeoutMs ?? (waitSeconds + 30) * 1000,
      })
      const text = await response.text()
      return {
        records: text === '' ? [] : text.trimEnd().split('\n').map((line): JournalRecord => JSON.parse(line)),
        offset: Number(response.headers.get('x-millrace-journal-offset')),
        head: Number(response.headers.get('x-millrace-journal-head')),
      }
    },
  }
}

/** Nothing where the model answers otherwise: then its outputs may have any name, and any type. */
function scored(scores: readonly unknown[], labels: readonly unknown[]): Pick<Predictions, 'probabilities' | 'labels'> {
  const probabilities = scores.filter((one) => typeof one === 'number')
  if (probabilities.length < scores.length) return { probabilities: [], labels: [] }
  return { probabilities, labels: probabilities.length === 0 ? [] : labels.filter((one) => typeof one === 'number' || typeof one === 'string') }
}

function isClassified(one: unknown): one is { readonly label: unknown; readonly probability: unknown } {
  return typeof one === 'object' && one !== null && 'label' in one && 'probability' in one
}

function headersOf({ requestId, time, probe, headers }: PredictOptions): Readonly<Record<string, string>> {
  return {
    ...headers,
    ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    ...(time === undefined ? {} : { 'x-millrace-time': typeof time === 'string' ? time : time.toISOString() }),
    ...(probe ? { 'x-millrace-probe': 'true' } : {}),
  }
}

/** One tensor a column, of the type that its first value shows. */
function tensorsOf(rows: readonly Row[]) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return names.map((name) => {
    const data = rows.map((row) => row[name] ?? null)
    const sample = data.find((value) => value !== null)
    const datatype = typeof sample === 'string' ? 'BYTES' : typeof sample === 'boolean' ? 'BOOL' : 'FP64'
    return { name, shape: [rows.length], datatype, data }
  })
}
