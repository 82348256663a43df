/** Variables that are read elsewhere than in the configuration: by commands, the log and stages, and by the tests and benchmarks of this repository. */
const OTHERS: readonly string[] = [
  'MILLRACE_ACTOR',
  'MILLRACE_LOG_LEVEL',
  'MILLRACE_EXECUTION_ID',
  'MILLRACE_MLSERVER_VENV',
  'MILLRACE_PEERS_VENV',
  'MILLRACE_POSTGRES_BIN',
  'MILLRACE_CHROMIUM',
  'MILLRACE_SCREENSHOTS',
  'MILLRACE_KILLS',
  'MILLRACE_LARGE_MIB',
  'MILLRACE_BENCH_ARTIFACT_MIB',
  'MILLRACE_BENCH_SECONDS',
  'MILLRACE_BENCH_POSTGRES',
  'MILLRACE_BENCH_ROUNDS',
  'MILLRACE_BENCH_SWAPS',
]

/** A line for each MILLRACE_ variable that nothing reads: a misspelt override would else be ignored in silence. */
export async function environmentWarnings(environment: Readonly<Record<string, string | undefined>>): Promise<readonly string[]> {
  const suspects = Object.keys(environment).filter((name) => name.startsWith('MILLRACE_') && !OTHERS.includes(name))
  if (suspects.length === 0) return []
  const { projectConfigSchema } = await import('../domain/config.ts')
  const { describeKeys } = await import('../platform/config/index.ts')
  const known = [...describeKeys(projectConfigSchema).flatMap(({ environment }) => environment ?? []), ...OTHERS]
  return suspects
    .filter((name) => !known.includes(name))
    .map((name) => {
      const [nearest = ''] = known.toSorted((a, b) => distance(name, a) - distance(name, b))
      return `environment variable ${name} is not one that Millrace knows, and is ignored; the nearest that it knows is ${nearest}`
    })
}

/** Levenshtein's: how many letters must be put in, left out or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? 0
}
