import { timeoutParameter } from '../../limits/timeout.ts'
import type { TensorSpec } from '../../runtime/tensor/spec.ts'
import { type OutputAsked, outputsAsked } from './outputs.ts'
import { parametersOf } from './request.ts'

interface Asked {
  readonly of: readonly TensorSpec[]
  readonly outputs: readonly OutputAsked[]
  readonly fetch: readonly string[]
}

/** What a request says of the answer that it wants, in its `outputs` and `parameters`: read once for each model, of all requests that are written alike. */
export class Wishes {
  readonly #json: Readonly<Record<string, unknown>>
  #asked: Asked | undefined
  #timeout: { readonly ms: number | undefined } | undefined

  /** A request, or as much of it as has no tensors. */
  constructor(json: Readonly<Record<string, unknown>>) {
    this.#json = json
  }

  /** Of the outputs that there are, those that are asked for, and the names of these. BAD_REQUEST for one that there is not. */
  outputs(present: readonly TensorSpec[]): Asked {
    if (this.#asked?.of === present) return this.#asked
    const outputs = outputsAsked(present, this.#json)
    return (this.#asked = { of: present, outputs, fetch: [...new Set(outputs.map(({ name }) => name))] })
  }

  /** How long the answer is waited for. BAD_REQUEST for what is no time. */
  get timeoutMs(): number | undefined {
    this.#timeout ??= { ms: timeoutParameter(parametersOf(this.#json, '')['timeout']) }
    return this.#timeout.ms
  }
}
