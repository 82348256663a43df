export { retentionEndpoints } from './routes.ts'
export { refusePurged } from './service.ts'
