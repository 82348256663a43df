export { registerOtlp } from './otlp-routes.ts'
export { traceEndpoints } from './routes.ts'
