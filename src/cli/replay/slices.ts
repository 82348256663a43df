import type { Scalar } from '../../api/serving.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Row } from './rows.ts'

/** What rows are sliced by: an input or a feature, or, as `INPUT[3]`, the column `INPUT_3` that an element of an unsigned model's input is called by. */
export class Slices {
  readonly #by: string | undefined
  readonly #column: string | undefined
  readonly #others = new Set<string>()
  #found = false

  constructor(by: string | undefined) {
    this.#by = by
    this.#column = by?.replace(/\[(\d+)\]$/, '_$1')
  }

  of(row: Row, features: Row): Scalar {
    if (this.#by === undefined || this.#column === undefined) return null
    for (const name of [this.#by, this.#column]) {
      for (const holder of [row, features]) {
        if (!Object.hasOwn(holder, name)) continue
        this.#found = true
        return holder[name] ?? null
      }
    }
    if (!this.#found) for (const name of [...Object.keys(row), ...Object.keys(features)]) this.#others.add(name)
    return null
  }

  /** USAGE where there were rows, and none had it. */
  check(): void {
    if (this.#by === undefined || this.#found || this.#others.size === 0) return
    throw new MillraceError('USAGE', `--by: found ${this.#by}, expected an input or a feature of the rows: ${[...this.#others].sort().join(', ')}`)
  }
}
