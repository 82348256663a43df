import type { ProjectConfig } from '../domain/config.ts'
import type { ServiceName } from '../platform/config/index.ts'
import { type RunOptions, type RunningService, runService } from '../platform/service/index.ts'

type Starter = (config: ProjectConfig, options: RunOptions) => Promise<RunningService>

/** Each service by name, loaded only when it is run. The command line is the one place that knows all layers. */
export const SERVICES: Readonly<Record<ServiceName, Starter>> = {
  gateway: async (config, options) => runService((await import('../gateway/index.ts')).gatewayService, config, options),
  tracking: async (config, options) => runService((await import('../training/index.ts')).trackingService, config, options),
  features: async (config, options) => runService((await import('../data/features/index.ts')).featuresService, config, options),
  serving: async (config, options) => runService((await import('../serving/index.ts')).servingService, config, options),
  monitor: async (config, options) => runService((await import('../monitoring/index.ts')).monitorService, config, options),
  pipelines: async (config, options) => runService((await import('../data/pipeline/executions/index.ts')).pipelinesService, config, options),
}
