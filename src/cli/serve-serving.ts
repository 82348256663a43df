import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { ProjectConfig } from '../domain/config.ts'

/** What `millrace serve serving` may be told beside what it shares with `serve tracking`. */
export interface ServingOptions {
  readonly models?: string
  readonly data?: string
  readonly host?: string
  readonly port?: number
}

/** Those of `serve`'s options that mean something to serving. */
export const SERVING_OPTIONS: ReadonlySet<string> = new Set(['models', 'data', 'host', 'port'])

export function addServingOptions(command: Command): Command {
  return command.addOption(new Option('--models <folder>', "serving: folder of models in Triton's layout, NAME/VERSION/model.onnx; no millrace.yaml is needed then").helpGroup('Serving alone:'))
}

/** The configuration with what the command line said. Relative folders are relative to where the command was started. */
export function withServingOptions(config: ProjectConfig, { models, data, host, port }: ServingOptions): ProjectConfig {
  const serving = { ...config.services.serving, ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) }
  return {
    ...config,
    ...(models === undefined ? {} : { model_repository: resolve(models) }),
    storage: { ...config.storage, ...(data === undefined ? {} : { folder: resolve(data) }) },
    services: { ...config.services, serving },
  }
}
