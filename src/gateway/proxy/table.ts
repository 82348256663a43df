import type { ServiceName } from '../../platform/config/index.ts'

export interface ProxyRoute {
  readonly prefix: string
  readonly service: ServiceName
  /** What replaces the prefix. */
  readonly rewritePrefix: string
  /** The prefix is the whole path. */
  readonly exact?: true
}

const byName = (service: ServiceName): ProxyRoute => ({ prefix: `/api/${service}`, service, rewritePrefix: '/' })
const asItIs = (prefix: string, service: ServiceName): ProxyRoute => ({ prefix, service, rewritePrefix: prefix })

/** Every service under its name, and the paths that clients of well-known protocols expect at the root: MLflow's, and the Open Inference Protocol's. */
export const ROUTES: readonly ProxyRoute[] = [
  byName('tracking'),
  byName('monitor'),
  byName('pipelines'),
  byName('features'),
  byName('serving'),
  asItIs('/api/2.0/mlflow', 'tracking'),
  asItIs('/api/2.0/mlflow-artifacts', 'tracking'),
  asItIs('/api/2.0/millrace', 'tracking'),
  asItIs('/api/3.0/mlflow', 'tracking'),
  asItIs('/ajax-api', 'tracking'),
  { ...asItIs('/get-artifact', 'tracking'), exact: true },
  { ...asItIs('/model-versions/get-artifact', 'tracking'), exact: true },
  asItIs('/v2', 'serving'),
  { ...asItIs('/invocations', 'serving'), exact: true },
]
