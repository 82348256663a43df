import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { serviceFolder } from '../../platform/config/index.ts'
import { literal } from '../../platform/duckdb/sql.ts'
import { journalFiles } from '../../serving/journal/parquet/packed.ts'
import type { Project } from '../project.ts'

/** The files of a project that a query may read. */
export interface QueryFiles {
  /** Segments of serving's journal that are not packed, oldest first. */
  readonly journal: readonly string[]
  /** Parquet files of those that are. */
  readonly packed: readonly string[]
  /** The monitor's Parquet files, one a model and day. */
  readonly lake: readonly string[]
}

export function queryFiles({ config, folder }: Project): QueryFiles {
  const find = (root: string, pattern: string): string[] => (existsSync(root) ? globSync(pattern, { cwd: root }).sort().map((name) => join(root, name)) : [])
  const { parts, segments } = journalFiles(join(serviceFolder(config, folder, 'serving'), 'journal'))
  return {
    journal: segments,
    packed: parts,
    lake: find(join(serviceFolder(config, folder, 'monitor'), 'inference'), 'model=*/date=*.parquet'),
  }
}

const EXPOSURE = 'STRUCT(rollout VARCHAR, arm VARCHAR, "by" VARCHAR)'

/** As docs/formats/prediction-journal.md has them. `crc` is a line's last member, so only a whole line has it. */
const JOURNAL_COLUMNS = {
  id: 'VARCHAR',
  row: 'INTEGER',
  model: 'VARCHAR',
  version: 'VARCHAR',
  alias: 'VARCHAR',
  role: 'VARCHAR',
  time: 'BIGINT',
  score: 'DOUBLE',
  missing: 'VARCHAR[]',
  inputs: 'MAP(VARCHAR, VARCHAR)',
  left_out: 'INTEGER',
  features: 'MAP(VARCHAR, VARCHAR)',
  masked: 'VARCHAR[]',
  tensors: 'JSON',
  caller: 'VARCHAR',
  sample: 'DOUBLE',
  exposure: EXPOSURE,
  probe: 'BOOLEAN',
  crc: 'VARCHAR',
}

/** Every line of the journal, once. What is no whole line, such as one that serving is just writing, is passed over. */
export function predictionsView({ journal: files, packed }: Pick<QueryFiles, 'journal' | 'packed'>): string {
  const columns = Object.entries(JOURNAL_COLUMNS).map(([name, type]) => `"${name}": ${literal(type)}`).join(', ')
  const source =
    files.length === 0
      ? `(select ${Object.entries(JOURNAL_COLUMNS).map(([name, type]) => `null::${type} as "${name}"`).join(', ')} limit 0)`
      : `read_json([${files.map(literal).join(', ')}], format = 'newline_delimited', ignore_errors = true, columns = {${columns}})`
  const names = Object.keys(JOURNAL_COLUMNS).filter((name) => name !== 'crc')
  const tail = `select ${names.map((name) => `"${name}"`).join(', ')} from ${source} where id is not null and crc is not null`
  const all = packed.length === 0 ? tail : `${packedRows(names, packed)} union all ${tail}`
  const shown = names.map((name) => (name === 'time' ? 'epoch_ms("time") as "time"' : name === 'probe' ? 'coalesce(probe, false) as probe' : `"${name}"`))
  return `create view predictions as select ${shown.join(', ')} from (${all})`
}

/** Answers that were recorded whole, of no probe; inputs and features as the text of their JSON. Of a request that was sent twice the earliest counts. */
export function recordedView(files: Pick<QueryFiles, 'journal' | 'packed'>): string {
  return recordedLines('recorded', ['id', 'row', 'model', 'version', 'time', 'score', 'missing', 'inputs', 'features', 'masked', 'left_out'], 'inputs is not null and score is not null', files)
}

/** The same of requests whose tensors were the model's own; `tensors` is the text of its JSON. */
export function recordedTensorsView(files: Pick<QueryFiles, 'journal' | 'packed'>): string {
  return recordedLines('recorded_tensors', ['id', 'model', 'version', 'time', 'tensors', 'masked'], `tensors is not null and json_exists(tensors, '$.inputs')`, files)
}

/** The same of rows that were answered with no score; `tensors` has their outputs. */
export function recordedOutputsView(files: Pick<QueryFiles, 'journal' | 'packed'>): string {
  return recordedLines('recorded_outputs', ['id', 'row', 'model', 'version', 'time', 'missing', 'inputs', 'features', 'masked', 'tensors'], 'inputs is not null and score is null and tensors is not null', files)
}

function recordedLines(view: string, members: readonly string[], kept: string, { journal, packed }: Pick<QueryFiles, 'journal' | 'packed'>): string {
  const columns = { ...JOURNAL_COLUMNS, inputs: 'VARCHAR', features: 'VARCHAR', tensors: 'VARCHAR' }
  const names = members.map((name) => `"${name}"`).join(', ')
  const where = `where role = 'champion' and not coalesce(probe, false) and ${kept}`
  const described = Object.entries(columns).map(([name, type]) => `"${name}": ${literal(type)}`).join(', ')
  const sources = [
    ...(packed.length === 0 ? [] : [`select ${names} from read_parquet([${packed.map(literal).join(', ')}], union_by_name = true, hive_partitioning = false) ${where}`]),
    ...(journal.length === 0 ? [] : [`select ${names} from read_json([${journal.map(literal).join(', ')}], format = 'newline_delimited', ignore_errors = true, columns = {${described}}) ${where} and crc is not null`]),
  ]
  const nothing = `select ${Object.entries(columns).map(([name, type]) => `null::${type} as "${name}"`).join(', ')} limit 0`
  return `create view ${view} as ${sources.length === 0 ? nothing : sources.join(' union all ')}`
}

/** Columns that are the text of the line's JSON there, or stand in `more`. */
const PACKED: Readonly<Record<string, string>> = {
  inputs: 'inputs::JSON::MAP(VARCHAR, VARCHAR) as inputs',
  features: 'features::JSON::MAP(VARCHAR, VARCHAR) as features',
  tensors: 'tensors::JSON as tensors',
  exposure: `(more::JSON->'exposure')::${EXPOSURE} as exposure`,
}

function packedRows(names: readonly string[], files: readonly string[]): string {
  const columns = names.map((name) => PACKED[name] ?? `"${name}"`)
  return `select ${columns.join(', ')} from read_parquet([${files.map(literal).join(', ')}], union_by_name = true, hive_partitioning = false)`
}

/** The answers that have their label by now. Of a request that was sent again under its id the earliest line counts, as it does for the monitor. */
export const LABELLED_VIEW = `create view labelled as select p.*, l.label, l."time" as labelled_at
  from (select distinct on (id, "row", model, version, alias) * from predictions where role = 'champion' and not probe order by id, "row", model, version, alias, "time") p
  join labels l using (id, "row")`

/** Days that have ended, with a column \`input.NAME\` for each model input: typed, and much faster to read than the journal. */
export function lakeView(files: readonly string[]): string {
  if (files.length === 0) {
    return `create view lake as select null::VARCHAR as model, null::VARCHAR as id, null::INTEGER as "row", null::TIMESTAMP as "time", null::VARCHAR as alias, null::VARCHAR as version,
      null::VARCHAR as role, null::DOUBLE as score limit 0`
  }
  return `create view lake as select url_decode(regexp_extract(filename, 'model=([^/\\\\]*)[/\\\\]date=[^/\\\\]*$', 1)) as model, request_id as id,
    columns(c -> c not in ('request_id', 'filename', 'model'))
    from read_parquet([${files.map(literal).join(', ')}], union_by_name = true, filename = true)`
}
