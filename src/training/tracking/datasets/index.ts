export { datasetEndpoints } from './routes.ts'
