export { policyOf } from './access.ts'
export type { RegistryContext } from './context.ts'
export { gatesOf } from './gates.ts'
export { registryEndpoints } from './routes.ts'
