import { MillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'

export const LEFT_OUT_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

interface LeftOut {
  /** Behind `/api` and `/ajax-api`. */
  readonly path: string
  /** What it is, as in "… is not part of this server". */
  readonly what: string
}

const below = (what: string, ...folders: readonly string[]): readonly LeftOut[] =>
  folders.flatMap((folder) => [
    { path: folder, what },
    { path: `${folder}/*`, what },
  ])

/**
 * What MLflow's server answers and this one does not, on purpose: docs/mlflow.md says so to users. A client that asks hears 501 NOT_IMPLEMENTED, as it
 * would from an MLflow server whose store lacks the feature, and not that the endpoint does not exist.
 */
export const LEFT_OUT: readonly LeftOut[] = [
  ...below('The AI gateway', '/3.0/mlflow/gateway', '/2.0/mlflow/gateway-proxy'),
  ...below('Scorers', '/3.0/mlflow/scorers'),
  ...below('Prompt optimisation', '/3.0/mlflow/prompt-optimization'),
  ...below('Review queues', '/3.0/mlflow/review-queues', '/3.0/mlflow/label-schemas', '/3.0/mlflow/issues'),
  ...below('Evaluation data sets', '/3.0/mlflow/datasets'),
  ...below('Generative-AI evaluation', '/3.0/mlflow/genai', '/3.0/mlflow/jobs', '/3.0/mlflow/demo', '/2.0/mlflow/runs/create-promptlab-run'),
  ...below('Workspaces', '/3.0/mlflow/workspaces'),
  ...below('Telemetry of MLflow\'s own page', '/3.0/mlflow/ui-telemetry'),
  ...below('Traces kept by Databricks', '/2.0/mlflow/get-online-trace-details', '/2.0/mlflow/unified-traces'),
]

/** Answers 501 for each of them within a scope whose prefix is `/api` or `/ajax-api`. */
export function registerLeftOut(scope: Pick<HttpServer, 'route'>): void {
  for (const { path, what } of LEFT_OUT) {
    scope.route({
      method: [...LEFT_OUT_METHODS],
      url: path,
      schema: { hide: true },
      handler: (request) => {
        throw new MillraceError('NOT_IMPLEMENTED', `${what} is not part of this server (${request.method} ${request.url.split('?')[0]})`)
      },
    })
  }
}
