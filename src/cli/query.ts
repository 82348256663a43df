import { InvalidArgumentError, type Command } from 'commander'
import { MillraceError } from '../platform/errors/index.ts'

interface QueryOptions {
  readonly json?: true
  readonly csv?: true
  readonly limit?: number
  readonly schema?: true
}

/** Rows of a table for people. JSON and CSV have them all. */
const TABLE_ROWS = 100

const PIECE = 64 * 1024

const SCHEMA = `select table_name as "view", column_name as "column", data_type as "type" from duckdb_columns() where not internal
  order by list_position(['predictions', 'labelled', 'labels', 'lake', 'events'], table_name), column_index`

export function register(program: Command): void {
  program
    .command('query')
    .description('ask the predictions, labels and events of this project in SQL (DuckDB); reads files only, so the services may run or not')
    .argument('[sql]', 'one SELECT, over the views predictions, labels, labelled, lake and events')
    .option('--schema', 'the views and their columns')
    .option('--json', 'the rows as a JSON list')
    .option('--csv', 'the rows as CSV')
    .option('--limit <count>', `at most so many rows (default: ${TABLE_ROWS} in a table, all as JSON and CSV)`, parseLimit)
    .action(query)
}

async function query(given: string | undefined, options: QueryOptions): Promise<void> {
  if (options.json && options.csv) throw new MillraceError('USAGE', '--json and --csv: found both, expected one')
  if ((given === undefined) !== (options.schema === true)) throw new MillraceError('USAGE', 'expected either a SELECT or --schema')
  const { loadProject } = await import('./project.ts')
  const { QueryEngine } = await import('./query/engine.ts')
  const { queryFiles } = await import('./query/views.ts')
  const print = await import('./query/print.ts')
  const project = loadProject()
  const files = queryFiles(project)
  const started = performance.now()
  const engine = given === undefined ? await QueryEngine.openForSchema(files) : await QueryEngine.open(project, files, given)
  const interrupt = (): void => engine.interrupt()
  process.once('SIGINT', interrupt)
  try {
    const result = await engine.select(given ?? SCHEMA)
    const all = options.limit ?? Number.POSITIVE_INFINITY
    if (options.json) await write(print.jsonText(result, all))
    else if (options.csv) await write(print.csvText(result, all))
    else await write(print.tableText(result, options.limit ?? (given === undefined ? all : TABLE_ROWS), () => (performance.now() - started) / 1000))
  } finally {
    process.off('SIGINT', interrupt)
    engine.close()
  }
}

/** As fast as it is read. Whoever reads may stop when he has seen enough. */
async function write(text: AsyncIterable<string>): Promise<void> {
  const { Readable } = await import('node:stream')
  const { pipeline } = await import('node:stream/promises')
  try {
    await pipeline(Readable.from(pieces(text), { objectMode: true, highWaterMark: 1 }), process.stdout, { end: false })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
  }
}

/** A write for each row would cost more than reading it. */
async function* pieces(text: AsyncIterable<string>): AsyncGenerator<string, void> {
  let piece = ''
  for await (const part of text) {
    piece += part
    if (piece.length < PIECE) continue
    yield piece
    piece = ''
  }
  yield piece
}

function parseLimit(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('expected a whole number from 1')
  return count
}
