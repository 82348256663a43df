export { metricSampleEndpoints } from './routes.ts'
