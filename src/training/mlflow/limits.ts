import { posix } from 'node:path'
import { invalid } from './errors.ts'

/** MLflow's limits (mlflow/utils/validation.py); lengths in characters. */
export const LIMITS = {
  experimentName: 500,
  key: 250,
  paramValue: 6000,
  tagValue: 8000,
  experimentTagValue: 20_000,
  registryTagValue: 100_000,
  metricsInBatch: 1000,
  paramsInBatch: 100,
  tagsInBatch: 100,
  entitiesInBatch: 1000,
  datasetsInBatch: 1000,
  alias: 255,
  description: 100_000,
} as const

/** Keys of metrics, params and tags: MLflow's clients make file names of them. `field` names the request's field: `metrics[3].name`. */
export function checkKey(key: string, field: string): void {
  if (!/^[/\w.\- :]+$/u.test(key) && !/^[/\p{L}\p{N}_.\- :]+$/u.test(key)) {
    throw invalid(
      `Invalid value ${JSON.stringify(key)} for parameter '${field}' supplied: names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colons(:) and slashes (/).`,
    )
  }
  if (posix.normalize(key) !== key || key === '.' || key.startsWith('..') || key.startsWith('/') || key.endsWith('/')) {
    throw invalid(`Invalid value ${JSON.stringify(key)} for parameter '${field}' supplied: names may be treated as files in certain cases and must not resolve to other names when treated as such.`)
  }
  checkLength(key, LIMITS.key, field)
}

export function checkLength(value: string, limit: number, field: string): void {
  if (value.length > limit) throw invalid(`'${field}' exceeds the maximum length of ${limit} characters: it has ${value.length}`)
}

/** Values longer than `limit` are cut, with nothing said: MLflow's server does so by default, and its clients log what they find. */
export function fitValues<T extends { readonly value: string }>(pairs: readonly T[], limit: number): readonly T[] {
  if (pairs.every(({ value }) => value.length <= limit)) return pairs
  return pairs.map((pair) => (pair.value.length <= limit ? pair : { ...pair, value: pair.value.slice(0, limit) }))
}

export function checkBatch(what: string, count: number, limit: number): void {
  if (count > limit) {
    throw invalid(`A batch logging request can contain at most ${limit} ${what}. Got ${count} ${what}. Please split up ${what} across multiple requests and try again.`)
  }
}
