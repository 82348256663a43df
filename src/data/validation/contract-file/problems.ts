import { LineCounter } from 'yaml'

export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly column: number
  /** `schema[0].properties[3].logicalType` */
  readonly key: string
  readonly message: string
}

/** Collects what is wrong with one file, so that all of it is reported at once. */
export class Problems {
  readonly file: string
  readonly lines = new LineCounter()
  readonly #found: Problem[] = []

  constructor(file: string) {
    this.file = file
  }

  error(offset: number, key: string, message: string): void {
    this.#add('error', offset, key, message)
  }

  warn(offset: number, key: string, message: string): void {
    this.#add('warning', offset, key, message)
  }

  /** In the order of the file. */
  get all(): readonly Problem[] {
    return this.#found.toSorted((a, b) => a.line - b.line || a.column - b.column)
  }

  #add(severity: Problem['severity'], offset: number, key: string, message: string): void {
    const { line, col } = this.lines.linePos(offset)
    this.#found.push({ severity, file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), key, message })
  }
}

/** `contracts/flights.yaml:12:5: schema[0].name: expected text, found 3` */
export function describeProblem(problem: Problem): string {
  const key = problem.key === '' ? '' : `${problem.key}: `
  return `${problem.file}:${problem.line}:${problem.column}: ${key}${problem.message}`
}
