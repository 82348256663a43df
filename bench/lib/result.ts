/** What one file under bench/ measured. Every ratio is of one run on one machine. */
export interface BenchResult {
  readonly name: string
  readonly rows: readonly Readonly<Record<string, string | number>>[]
  /** What was promised, and whether it was kept in this run. */
  readonly promises: readonly { readonly promise: string; readonly measured: string; readonly kept: boolean }[]
}

/** Prints a result and answers whether all of its promises were kept. */
export function show({ name, rows, promises }: BenchResult): boolean {
  console.log(`\n${name}`)
  console.table(rows)
  for (const { promise, measured, kept } of promises) console.log(`${kept ? 'kept' : 'NOT KEPT'}: ${promise}: ${measured}`)
  return promises.every(({ kept }) => kept)
}
