import { invalid } from '../mlflow/errors.ts'

export function toVersion(given: string | number): number {
  const text = String(given)
  if (!/^\d{1,15}$/.test(text)) throw invalid(`Parameter 'version' must be an integer, got '${text}'.`)
  return Number(text)
}
