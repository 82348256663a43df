import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ProjectConfig } from '../domain/config.ts'

/** What `millrace serve serving` may be told beside what it shares with `serve tracking`. */
export interface ServingOptions {
  readonly models?: string
  readonly data?: string
  readonly host?: string
  readonly port?: number
  readonly grpcPort?: number
}

/** Those of `serve`'s options that mean something to serving. */
export const SERVING_OPTIONS: ReadonlySet<string> = new Set(['models', 'data', 'host', 'port', 'grpc-port'])

export function addServingOptions(command: Command): Command {
  return command
    .addOption(new Option('--models <folder>', "serving: folder of models in Triton's layout, NAME/VERSION/model.onnx; no millrace.yaml is needed then").helpGroup('Serving alone:'))
    .addOption(new Option('--grpc-port <port>', 'serving: port for gRPC as well').argParser(parseGrpcPort).helpGroup('Serving alone:'))
}

/** The configuration with what the command line said. Relative folders are relative to where the command was started. */
export function withServingOptions(config: ProjectConfig, { models, data, host, port, grpcPort }: ServingOptions): ProjectConfig {
  const serving = { ...config.services.serving, ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }), ...(grpcPort === undefined ? {} : { grpc_port: grpcPort }) }
  return {
    ...config,
    ...(models === undefined ? {} : { model_repository: resolve(models) }),
    storage: { ...config.storage, ...(data === undefined ? {} : { folder: resolve(data) }) },
    services: { ...config.services, serving },
  }
}

/** Not 0: nobody would know which port the system chose. */
function parseGrpcPort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new InvalidArgumentError(`found ${text}, expected a port, 1 to 65535`)
  return port
}
