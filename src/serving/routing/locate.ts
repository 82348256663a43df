import { LRUCache } from 'lru-cache'
import type { Deployment } from './deployment.ts'
import { isModelName, splitAlias } from './reference.ts'

/** Where a request goes: to what the deployment serves by default, or to the version or `@alias` that `reference` says. */
export interface Located {
  readonly deployment: Deployment
  readonly reference: string | undefined
}

export interface Undeclared {
  /** Whether there may be such a model; where that is not known without asking, left out. */
  readonly exists?: (model: string) => boolean
  /** Answers for a model that is asked for by name alone. */
  readonly alias: string
  readonly make: (model: string) => Deployment
}

const UNDECLARED_KEPT = 256

/** Finds the deployment that a model's name means, `NAME` or `NAME@alias`. */
export class Locator {
  readonly #declared: ReadonlyMap<string, Deployment>
  readonly #undeclared: Undeclared | undefined
  readonly #made = new LRUCache<string, Deployment>({ max: UNDECLARED_KEPT })

  /** Without `undeclared`, only what is deployed can be found. */
  constructor(deployments: readonly Deployment[], undeclared?: Undeclared) {
    this.#declared = new Map(deployments.map((deployment) => [deployment.name, deployment]))
    this.#undeclared = undeclared
  }

  get takesUndeclared(): boolean {
    return this.#undeclared !== undefined
  }

  /** Those in use for models that are not in the configuration. */
  get undeclared(): readonly Deployment[] {
    return [...this.#made.values()]
  }

  locate(name: string, reference?: string): Located | undefined {
    const declared = this.#declared.get(name)
    if (declared) return { deployment: declared, reference }
    const split = reference === undefined ? splitAlias(name) : null
    if (split) return this.#locate(split.model, split.reference)
    return this.#locate(name, reference)
  }

  #locate(model: string, reference: string | undefined): Located | undefined {
    const declared = this.#declared.get(model)
    if (declared) return { deployment: declared, reference }
    if (!this.#undeclared || !isModelName(model)) return undefined
    let deployment = this.#made.get(model)
    if (!deployment) {
      if (this.#undeclared.exists?.(model) === false) return undefined
      this.#made.set(model, (deployment = this.#undeclared.make(model)))
    }
    return { deployment, reference: reference ?? `@${this.#undeclared.alias}` }
  }
}
