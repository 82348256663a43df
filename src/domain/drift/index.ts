export type { Sample } from './bins.ts'
export { type ColumnScore, columnDrift } from './column.ts'
