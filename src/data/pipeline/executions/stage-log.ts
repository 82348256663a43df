import { appendFileSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { StageEvent, StageOutput } from '../index.ts'

/** A stage that never stops talking must not fill the disk. */
const MOST_BYTES = 16 * 1024 * 1024

/**
 * The output of an execution's stages, in one file that grows while they run and that a later process goes on with. Where it cannot be written (a full disk)
 * `failed` is told once and the rest is left out: what a stage makes matters more than what it says.
 */
export class StageLog {
  readonly #file: string
  readonly #failed: (error: unknown) => void
  #bytes: number

  constructor(file: string, failed: (error: unknown) => void) {
    mkdirSync(dirname(file), { recursive: true })
    this.#file = file
    this.#failed = failed
    this.#bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  }

  event({ name, state, seconds }: StageEvent): void {
    this.#append(`── ${name}: ${state}${state === 'started' || state === 'cached' ? '' : ` after ${seconds.toFixed(1)} s`}\n`)
  }

  output({ text }: StageOutput): void {
    this.#append(text)
  }

  note(text: string): void {
    this.#append(`── ${text}\n`)
  }

  #append(text: string): void {
    if (this.#bytes >= MOST_BYTES) return
    const bytes = Buffer.from(text)
    const rest = MOST_BYTES - this.#bytes
    this.#bytes += bytes.length
    const kept = bytes.length <= rest ? bytes : Buffer.concat([bytes.subarray(0, rest), Buffer.from('\n── the rest is left out: the log is full\n')])
    try {
      appendFileSync(this.#file, kept)
    } catch (error) {
      this.#bytes = MOST_BYTES
      this.#failed(error)
    }
  }
}
