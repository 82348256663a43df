import { createHash } from 'node:crypto'
import type { KeyValue, LoggedModel, Metric, Run } from '../../../api/tracking.ts'

/** Digest and counts of one run or one logged model, with all its points and files. Two are the same content if and only if they are equal. */
export interface Content {
  readonly points: number
  readonly files: number
  readonly bytes: number
  readonly digest: string
}

/** Written by servers and by the copy itself; not part of what was logged. */
const NOT_CONTENT = [/^millrace\.copy\b/, /^mlflow\.modelVersions$/]

/** Gathers the content of one run, in any order of points and files, and holds no more than a sum of each. */
export class Summary {
  readonly #histories = new Map<string, { count: number; sum: bigint }>()
  readonly #files: string[] = []
  #last = ''
  #points = 0
  #bytes = 0

  addPoints(points: readonly Metric[]): void {
    for (const point of points) {
      // A client's retry that MLflow's file store has kept twice, one after the other, is one point.
      const text = pointText(point)
      if (text === this.#last) continue
      this.#last = text
      const history = this.#histories.get(point.key) ?? { count: 0, sum: 0n }
      this.#histories.set(point.key, { count: history.count + 1, sum: BigInt.asUintN(128, history.sum + hashOf(text)) })
      this.#points++
    }
  }

  addFile(path: string, size: number, sha256: string): void {
    this.#files.push(`${path}\n${size}\n${sha256}`)
    this.#bytes += size
  }

  content(facts: unknown): Content {
    const histories = [...this.#histories].map(([key, { count, sum }]) => [key, count, sum.toString(16)]).toSorted(compare)
    const digest = createHash('sha256').update(JSON.stringify([facts, histories, this.#files.toSorted()])).digest('hex')
    return { points: this.#points, files: this.#files.length, bytes: this.#bytes, digest }
  }
}

/** What a run says of itself, whatever server it is on and in whatever order that server lists it. */
export function runFacts({ info, data, inputs, outputs }: Run): unknown {
  return [
    info.run_name,
    info.user_id,
    info.status,
    info.start_time,
    info.end_time ?? null,
    info.lifecycle_stage,
    pairs(data.params),
    pairs(data.tags),
    data.metrics.map(pointText).toSorted(),
    (inputs?.dataset_inputs ?? [])
      .map(({ dataset, tags }) => [dataset.name, dataset.digest, dataset.source_type, dataset.source, dataset.schema ?? '', dataset.profile ?? '', pairs(tags ?? [])])
      .toSorted(compare),
    (inputs?.model_inputs ?? []).map(({ model_id }) => model_id).toSorted(),
    (outputs?.model_outputs ?? []).map(({ model_id, step }) => [model_id, step ?? 0]).toSorted(compare),
  ]
}

export function modelFacts({ info, data }: LoggedModel): unknown {
  return [
    info.name,
    info.model_type ?? '',
    info.source_run_id ?? '',
    info.status,
    pairs(info.tags ?? []),
    pairs(data?.params ?? []),
    (data?.metrics ?? []).map((point) => [pointText(point), point.run_id ?? '', point.dataset_name ?? '', point.dataset_digest ?? '']).toSorted(compare),
  ]
}

export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}

function pairs(list: readonly KeyValue[]): readonly (readonly [string, string])[] {
  const kept = list.filter(({ key }) => !NOT_CONTENT.some((pattern) => pattern.test(key)))
  return kept.map(({ key, value }) => [key, value ?? ''] as const).toSorted(compare)
}

function compare(a: readonly unknown[], b: readonly unknown[]): number {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

/** The value that MLflow's SQL store keeps, and gives back, for an infinity (mlflow/store/tracking/sqlalchemy_store.py, sanitize_metric_value). */
const INFINITE = 1.7976931348623157e308

/** int64 may come as a string, and 0 may be left out. */
function pointText({ key, value, timestamp, step }: Metric): string {
  const number = Number(value ?? 0)
  const text = Number.isNaN(number) ? 'NaN' : Math.abs(number) >= INFINITE ? (number > 0 ? 'Infinity' : '-Infinity') : String(number + 0)
  return `${key}\n${text}\n${Number(timestamp ?? 0)}\n${Number(step ?? 0)}`
}

/** 64 bits of each point are enough to tell sums apart by accident; nobody attacks his own copy. */
function hashOf(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64BE(0)
}
