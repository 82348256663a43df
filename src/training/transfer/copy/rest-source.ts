import type { Experiment, FileInfo, LoggedModel, Metric, ModelVersion, RegisteredModel, Run } from '../../../api/tracking.ts'
import { ApiError, type RequestOptions, type Transport } from '../../../../sdk/http.ts'
import type { FilesOf, Source, SourceFile } from './port.ts'
import { totalsOf } from './totals.ts'

const API = '/api/2.0/mlflow'
const PROXY = '/api/2.0/mlflow-artifacts/artifacts'
const EXPERIMENTS_PAGE = 200
const RUNS_PAGE = 100
const MODELS_PAGE = 50
const POINTS_PAGE = 5000
const TRANSFER_TIMEOUT_MS = 3_600_000

interface Page {
  readonly next_page_token?: string
}

/** Any server that speaks MLflow's REST API: MLflow's own, or ours. */
export function restSource(transport: Transport, name: string): Source {
  const get = <T>(path: string, query: RequestOptions['query']): Promise<T> => transport.json('GET', path, { query: query ?? {} })
  const post = <T>(path: string, body: unknown): Promise<T> => transport.json('POST', `${API}/${path}`, { body })

  async function* pages<P extends Page, T>(ask: (token: string | undefined) => Promise<P>, take: (page: P) => readonly T[] | undefined): AsyncIterable<readonly T[]> {
    let token: string | undefined
    do {
      const page = await ask(token)
      yield take(page) ?? []
      token = page.next_page_token
    } while (token !== undefined && token !== '')
  }

  const runPages = (experimentId: string, size: number) =>
    pages(
      (token) =>
        post<Page & { runs?: readonly Run[] }>('runs/search', {
          experiment_ids: [experimentId],
          run_view_type: 'ALL',
          max_results: size,
          order_by: ['attributes.start_time ASC'],
          page_token: token,
        }),
      (page) => page.runs?.map(wholeRun),
    )

  const list = async (place: FilesOf, folder: string): Promise<readonly FileInfo[]> => {
    const key = proxied(place.uri)
    if (key !== undefined) {
      // Names only, whatever the folder.
      const { files = [] } = await get<{ files?: readonly FileInfo[] }>(PROXY, { path: join(key, folder) })
      return files.map((file) => ({ ...file, path: join(folder, file.path.split('/').at(-1) ?? '') }))
    }
    const answer =
      place.kind === 'run'
        ? await get<{ files?: readonly FileInfo[] }>(`${API}/artifacts/list`, { run_id: place.id, path: folder })
        : await get<{ files?: readonly FileInfo[] }>(`${API}/logged-models/${place.id}/artifacts/directories`, { artifact_directory_path: folder })
    return answer.files ?? []
  }

  async function* filesBelow(place: FilesOf, folder: string): AsyncIterable<SourceFile> {
    for (const { path, is_dir, file_size } of await list(place, folder)) {
      if (is_dir) yield* filesBelow(place, path)
      else yield { path, size: Number(file_size ?? 0) }
    }
  }

  const experiments = () =>
    each(
      pages(
        (token) => post<Page & { experiments?: readonly Experiment[] }>('experiments/search', { view_type: 'ALL', max_results: EXPERIMENTS_PAGE, order_by: ['experiment_id ASC'], page_token: token }),
        (page) => page.experiments?.map((experiment) => ({ ...experiment, tags: experiment.tags ?? [] })),
      ),
    )
  const orUndefined = async <T>(answer: Promise<T>): Promise<T | undefined> => {
    try {
      return await answer
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  }

  return {
    name,
    totals: () => totalsOf(transport, experiments()),
    experiments,
    runs: (experimentId) => runPages(experimentId, RUNS_PAGE),
    run: async (runId) => {
      const answer = await orUndefined(get<{ run: Run }>(`${API}/runs/get`, { run_id: runId }))
      return answer === undefined ? undefined : wholeRun(answer.run)
    },
    model: async (modelId) => {
      const answer = await orUndefined(get<{ model: LoggedModel }>(`${API}/logged-models/${modelId}`, {}))
      return answer === undefined ? undefined : { ...wholeModel(answer.model), deleted: false }
    },
    history: (runId, key) =>
      pages(
        (token) => get<Page & { metrics?: readonly Metric[] }>(`${API}/metrics/get-history`, { run_id: runId, metric_key: key, max_results: POINTS_PAGE, page_token: token }),
        (page) => page.metrics,
      ),
    models: (experimentId) =>
      pages(
        (token) => post<Page & { models?: readonly LoggedModel[] }>('logged-models/search', { experiment_ids: [experimentId], max_results: MODELS_PAGE, page_token: token }),
        (page) => page.models?.map((model) => ({ ...wholeModel(model), deleted: false })),
      ),
    registered: () =>
      each(
        pages(
          (token) => get<Page & { registered_models?: readonly RegisteredModel[] }>(`${API}/registered-models/search`, { max_results: 100, page_token: token }),
          (page) => page.registered_models,
        ),
      ),
    versions: (model) =>
      pages(
        (token) =>
          get<Page & { model_versions?: readonly ModelVersion[] }>(`${API}/model-versions/search`, {
            filter: `name = ${model.includes("'") ? `"${model}"` : `'${model}'`}`,
            order_by: 'version_number ASC',
            max_results: 200,
            page_token: token,
          }),
        (page) => page.model_versions?.map(withModelId),
      ),
    reaches: () => true,
    files: (place) => filesBelow(place, ''),
    read: async (place, path) => {
      const key = proxied(place.uri)
      const options = { timeoutMs: TRANSFER_TIMEOUT_MS }
      const response =
        key !== undefined
          ? await transport.raw('GET', `${PROXY}/${join(key, path).split('/').map(encodeURIComponent).join('/')}`, options)
          : place.kind === 'run'
            ? await transport.raw('GET', '/get-artifact', { ...options, query: { path, run_uuid: place.id } })
            : await transport.raw('GET', `/ajax-api/2.0/mlflow/logged-models/${place.id}/artifacts/files`, { ...options, query: { artifact_file_path: path } })
      return response.body ?? emptyBody()
    },
    close: () => undefined,
  }
}

/** The path below the server's artifact root of what it passes on; undefined for what it opens by other means. */
export function proxied(uri: string): string | undefined {
  return /^mlflow-artifacts:\/(?:\/[^/]*\/)?\/*(.*?)\/*$/.exec(uri)?.[1]
}

export async function* each<T>(pages: AsyncIterable<readonly T[]>): AsyncIterable<T> {
  for await (const page of pages) yield* page
}

async function* emptyBody(): AsyncIterable<Uint8Array> {
  // Nothing to give.
}

function join(folder: string, name: string): string {
  return folder === '' ? name : name === '' ? folder : `${folder}/${name}`
}

/** MLflow leaves out what is empty. */
function wholeRun(run: Run): Run {
  const { info, data, inputs, outputs } = run as Partial<Run> & Pick<Run, 'info'>
  return {
    info: { ...info, user_id: info.user_id ?? '', run_name: info.run_name ?? '', experiment_id: String(info.experiment_id) },
    data: { metrics: data?.metrics ?? [], params: data?.params ?? [], tags: data?.tags ?? [] },
    inputs: { dataset_inputs: inputs?.dataset_inputs ?? [], model_inputs: inputs?.model_inputs ?? [] },
    outputs: { model_outputs: outputs?.model_outputs ?? [] },
  }
}

/** A search does not say the logged model; the source does. */
export function withModelId(version: ModelVersion): ModelVersion {
  const id = version.model_id ?? /^models:\/(m-[^/]+)$/.exec(version.source)?.[1]
  return id === undefined ? version : { ...version, model_id: id }
}

function wholeModel(model: LoggedModel): LoggedModel {
  const { info, data } = model as Partial<LoggedModel> & Pick<LoggedModel, 'info'>
  return {
    info: { ...info, model_type: info.model_type ?? '', source_run_id: info.source_run_id ?? '', tags: info.tags ?? [] },
    data: { params: data?.params ?? [], metrics: data?.metrics ?? [] },
  }
}
