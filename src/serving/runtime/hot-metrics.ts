import { Histogram } from '../../platform/metrics/index.ts'

/** A histogram that costs one search of its bounds to observe: prom-client's looks its labels up anew each time. */
export class HotHistogram {
  readonly bounds: readonly number[]
  readonly counts: Float64Array
  sum = 0
  count = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    let i = 0
    while (i < this.bounds.length && value > this.bounds[i]!) i++
    this.counts[i]!++
    this.sum += value
    this.count++
  }
}

export interface LabelledHistogram<L extends string> {
  readonly labels: Readonly<Record<L, string>>
  readonly histogram: HotHistogram
}

/** Shows hot histograms to Prometheus when it asks. */
export class ReportedHistogram<L extends string> extends Histogram<L> {
  readonly #name: string
  /** Gives the frame of an answer: name, help, type. */
  readonly #frame: Histogram<L>
  readonly #source: () => Iterable<LabelledHistogram<L>>

  constructor(options: { readonly name: string; readonly help: string; readonly labelNames: readonly L[]; readonly source: () => Iterable<LabelledHistogram<L>> }) {
    const { name, help, labelNames } = options
    super({ name, help, labelNames, registers: [] })
    this.#name = name
    this.#frame = new Histogram({ name, help, labelNames, registers: [] })
    this.#source = options.source
  }

  override async get(): ReturnType<Histogram<L>['get']> {
    const frame = await this.#frame.get()
    const values: typeof frame.values = []
    const add = (suffix: string, labels: LabelledHistogram<L>['labels'], value: number, le?: number | string) => {
      values.push({ labels: { ...labels, ...(le === undefined ? {} : { le }) }, value, metricName: `${this.#name}${suffix}` })
    }
    for (const { labels, histogram } of this.#source()) {
      let below = 0
      histogram.bounds.forEach((bound, i) => add('_bucket', labels, (below += histogram.counts[i] ?? 0), bound))
      add('_bucket', labels, histogram.count, '+Inf')
      add('_sum', labels, histogram.sum)
      add('_count', labels, histogram.count)
    }
    return { ...frame, values }
  }

  /** What prom-client calls, where a metric has it, to make Prometheus' text; its types do not tell of it. */
  getForPromString(): ReturnType<Histogram<L>['get']> {
    return this.get()
  }
}
