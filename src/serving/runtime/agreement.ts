import type { Agreement } from '../../api/rollouts.ts'
import { Counter, type Registry } from '../../platform/metrics/index.ts'
import type { Labels } from './outputs.ts'
import type { Presence } from './presence.ts'
import { elementsOf } from './tensor/datatypes.ts'
import type { TensorMap } from './tensor/session.ts'

/** What a prediction by rows says: see `Prediction`. */
interface Scored {
  readonly scores: Float64Array
  readonly labels: Labels
}

/** What was compared of one shadow since it was last said. */
export interface AgreementDelta {
  readonly model: string
  readonly alias: string
  readonly version: string
  /** Rows, difference, scored, changed, classified. */
  readonly sums: readonly number[]
}

/** How the answers of one shadow differ from those that were returned for the same rows, since serving started. */
export class AgreementCounts {
  readonly model: string
  readonly alias: string
  readonly version: string
  rows = 0
  /** Sum over rows of |difference|; of how many rows there was one. */
  difference = 0
  scored = 0
  /** Rows of another class; of how many rows there was one. */
  changed = 0
  classified = 0
  #taken: readonly number[] = []

  constructor(model: string, alias: string, version: string) {
    this.model = model
    this.alias = alias
    this.version = version
  }

  addRows(returned: Scored, shadow: Scored, classes: boolean): void {
    const rows = returned.scores.length
    this.rows += rows
    this.scored += rows
    if (classes) this.classified += rows
    for (let i = 0; i < rows; i++) {
      this.difference += Math.abs(returned.scores[i]! - shadow.scores[i]!)
      if (classes && returned.labels[i] !== shadow.labels[i]) this.changed++
    }
  }

  /** Of a whole request: mean |difference| over its elements of floats, share of others that are not the same; of outputs that have the same name and shape in both. */
  addTensors(returned: TensorMap, shadow: TensorMap, rows: number): void {
    let [elements, difference, words, changed] = [0, 0, 0, 0]
    for (const [name, { datatype, shape, data }] of returned) {
      const other = shadow.get(name)
      if (!other || other.datatype !== datatype || other.shape.join() !== shape.join()) continue
      const [a, b] = [[...elementsOf(data, datatype)], [...elementsOf(other.data, datatype)]]
      for (const [i, value] of a.entries()) {
        const beside = b[i]
        if (datatype.startsWith('FP') && typeof value === 'number' && typeof beside === 'number') {
          if (!Number.isFinite(value - beside)) continue
          elements++
          difference += Math.abs(value - beside)
        } else {
          words++
          if (value !== beside) changed++
        }
      }
    }
    this.rows += rows
    if (elements > 0) [this.scored, this.difference] = [this.scored + rows, this.difference + (rows * difference) / elements]
    if (words > 0) [this.classified, this.changed] = [this.classified + rows, this.changed + (rows * changed) / words]
  }

  get sums(): readonly number[] {
    return [this.rows, this.difference, this.scored, this.changed, this.classified]
  }

  /** Whether something was compared since `take`. */
  get fresh(): boolean {
    return this.rows > (this.#taken[0] ?? 0)
  }

  take(): readonly number[] {
    const { sums } = this
    const fresh = sums.map((sum, i) => sum - (this.#taken[i] ?? 0))
    this.#taken = sums
    return fresh
  }
}

function describe([rows = 0, difference = 0, scored = 0, changed = 0, classified = 0]: readonly number[]): Agreement {
  return { rows, mean_difference: scored === 0 ? null : difference / scored, other_class: classified === 0 ? null : changed / classified }
}

/** Counted of each shadow, for as long as its version is known. */
export class Agreements {
  readonly #counts = new Map<string, AgreementCounts>()
  readonly #others = new Map<string, readonly number[]>()
  readonly #presence: Presence

  constructor(registry: Registry, presence: Presence) {
    this.#presence = presence
    presence.onForget((model, version) => this.#forget(model, version))
    const counts = this.#counts
    const counter = (name: string, help: string, read: (one: AgreementCounts) => number) =>
      registry.registerMetric(
        new Counter({
          name,
          help,
          labelNames: ['model', 'alias', 'version'],
          registers: [],
          collect() {
            this.reset()
            presence.sweep()
            for (const one of counts.values()) this.inc({ model: one.model, alias: one.alias, version: one.version }, read(one))
          },
        }),
      )
    counter('model_shadow_compared_rows_total', 'Rows of which a shadow and the version that answered gave a score', (one) => one.scored)
    counter('model_shadow_difference_total', 'Sum of the absolute differences of those scores', (one) => one.difference)
    counter('model_shadow_other_class_total', 'Rows to which a shadow gave another class', (one) => one.changed)
  }

  of(model: string, alias: string, version: string): AgreementCounts {
    const key = keyOf({ model, alias, version })
    const known = this.#counts.get(key)
    if (known) return known
    this.#presence.counted(model, version)
    const made = new AgreementCounts(model, alias, version)
    this.#counts.set(key, made)
    return made
  }

  describe(model: string, alias: string, version: string): Agreement | undefined {
    const key = keyOf({ model, alias, version })
    const own = this.#counts.get(key)?.sums
    const others = this.#others.get(key)
    return own || others ? describe(together(own ?? [], others ?? [])) : undefined
  }

  /** Whether something was compared since `take`. */
  get fresh(): boolean {
    for (const one of this.#counts.values()) if (one.fresh) return true
    return false
  }

  /** What was compared since the last time. */
  take(): readonly AgreementDelta[] {
    const deltas: AgreementDelta[] = []
    for (const one of this.#counts.values()) {
      if (!one.fresh) continue
      const { model, alias, version } = one
      deltas.push({ model, alias, version, sums: one.take() })
    }
    return deltas
  }

  /** Adds what another process has compared; its metrics speak for themselves. */
  merge(deltas: readonly AgreementDelta[]): void {
    for (const delta of deltas) {
      const key = keyOf(delta)
      if (!this.#others.has(key)) this.#presence.counted(delta.model, delta.version)
      this.#others.set(key, together(this.#others.get(key) ?? [], delta.sums))
    }
  }

  #forget(model: string, version: string): void {
    for (const counts of [this.#counts, this.#others]) {
      for (const key of counts.keys()) if (key.startsWith(`${model}\n`) && key.endsWith(`\n${version}`)) counts.delete(key)
    }
  }
}

function keyOf({ model, alias, version }: Pick<AgreementDelta, 'model' | 'alias' | 'version'>): string {
  return `${model}\n${alias}\n${version}`
}

function together(a: readonly number[], b: readonly number[]): readonly number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0))
}
