export { featuresService } from './online/index.ts'
