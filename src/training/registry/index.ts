export { registryEndpoints } from './routes.ts'
