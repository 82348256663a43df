export { type ProjectIdentity, describeIdentity, formatIdentity, projectIdentity } from './identity.ts'
export { loadConfig, parseConfig } from './load.ts'
export { type BaseConfig, SERVICE_NAMES, type ServiceName, baseConfigSchema, basePropertiesSchema } from './schema.ts'
export { databaseUrl, serviceFolder, serviceUrl } from './places.ts'
