import { join, resolve } from 'node:path'
import { SERVICE_NAMES, type ServiceName } from './names.ts'
import type { BaseConfig } from './schema.ts'

/** Where a service is reached by the others: its configured url, else its host and port. */
export function serviceUrl(config: BaseConfig, name: ServiceName): string {
  if (name === 'tracking' && config.tracking?.external !== undefined) return config.tracking?.external.replace(/\/+$/, '')
  const { url, host, port } = config.services[name]
  if (url !== undefined) return url.replace(/\/+$/, '')
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `http://${reachable}:${port}`
}

/** Services that this project runs: all, but tracking where an MLflow server does its work. */
export function ownServices({ tracking }: BaseConfig): readonly ServiceName[] {
  return SERVICE_NAMES.filter((name) => name !== 'tracking' || tracking?.external === undefined)
}

/** The folder that holds one service's state. */
export function serviceFolder(config: BaseConfig, projectFolder: string, name: ServiceName): string {
  return join(resolve(projectFolder, config.storage.folder), name)
}

export function databaseUrl(config: BaseConfig, projectFolder: string, name: ServiceName, file: string = name): string {
  return config.storage.database === 'sqlite' ? `sqlite:${join(serviceFolder(config, projectFolder, name), `${file}.db`)}` : config.storage.database
}
