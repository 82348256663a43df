import { createReadStream, existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import type { DatasetInput, KeyValue, LoggedModelStatus, Metric, Run, RunStatus } from '../../../api/tracking.ts'
import { MillraceError, toMillraceError } from '../../../platform/errors/index.ts'
import { insideRoot } from '../../../platform/fs/index.ts'
import { fromDouble } from '../../mlflow/fields.ts'
import type { CopiedModel, CopiedVersion, FilesOf, Source, SourceFile } from './port.ts'
import { proxied, withModelId } from './rest-source.ts'

type Row = Readonly<Record<string, SQLInputValue>>

export interface SqliteSourceOptions {
  /** Path of the database of an MLflow server (1.x to 3.x). */
  readonly file: string
  /** Folder below which `mlflow-artifacts:/…` lies: `--artifacts-destination` of that server. Without it those files are not reached. */
  readonly artifacts: string | undefined
}

const PAGE = 200
const POINTS_PAGE = 5000
const MODEL_STATUS: readonly LoggedModelStatus[] = ['LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED']

/** MLflow's own SQLite database, read only. Its server may be running: what it writes meanwhile is seen or not, and is copied by doing it again. */
export function sqliteSource({ file, artifacts }: SqliteSourceOptions): Source {
  if (!existsSync(file)) throw new MillraceError('NOT_FOUND', `${file}: there is no such file`)
  const db = open(file)
  const tables = new Set(db.prepare("select name from sqlite_master where type = 'table'").all().map(({ name }) => String(name)))
  if (!tables.has('alembic_version') || !tables.has('experiments') || !tables.has('runs')) {
    db.close()
    throw new MillraceError('DATA_UNREADABLE', `${file}: found no database of an MLflow server, expected its tables experiments, runs and alembic_version`)
  }
  const all = (sql: string, ...values: readonly SQLInputValue[]): readonly Row[] => db.prepare(sql).all(...values) as Row[]
  // What an older MLflow did not have yet is empty.
  const allOf = (table: string, sql: string, ...values: readonly SQLInputValue[]): readonly Row[] => (tables.has(table) ? all(sql, ...values) : [])
  const count = (table: string): number => (tables.has(table) ? Number(all(`select count(*) as n from ${table}`)[0]?.n) : 0)

  /** Pages by a key that only grows; each is read whole before it is given, so that no statement stays open. */
  async function* pages<T>(page: (after: number) => readonly Row[], present: (row: Row) => T): AsyncIterable<readonly T[]> {
    for (let after = 0; ; ) {
      const rows = page(after)
      if (rows.length === 0) return
      after = Number(rows.at(-1)?.n)
      yield rows.map(present)
    }
  }

  const pairs = (rows: readonly Row[]): readonly KeyValue[] => rows.map(({ key, value }) => ({ key: text(key), value: text(value) }))
  const point = ({ key, value, is_nan, timestamp, step }: Row): Metric => ({
    key: text(key),
    value: fromDouble(Number(is_nan) === 1 ? Number.NaN : Number(value)),
    timestamp: Number(timestamp),
    step: Number(step),
  })

  const datasetsOf = (runId: string): readonly DatasetInput[] =>
    allOf(
      'inputs',
      `select i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile
       from inputs i join datasets d on d.dataset_uuid = i.source_id where i.source_type = 'DATASET' and i.destination_type = 'RUN' and i.destination_id = ?`,
      runId,
    ).map((row) => ({
      tags: pairs(all('select name as key, value from input_tags where input_uuid = ?', row.input_uuid ?? '')),
      dataset: {
        name: text(row.name),
        digest: text(row.digest),
        source_type: text(row.dataset_source_type),
        source: text(row.dataset_source),
        ...(row.dataset_schema === null ? {} : { schema: text(row.dataset_schema) }),
        ...(row.dataset_profile === null ? {} : { profile: text(row.dataset_profile) }),
      },
    }))

  const run = (row: Row): Run => {
    const id = text(row.run_uuid)
    const tags = pairs(all('select key, value from tags where run_uuid = ?', id))
    const outputs = allOf('logged_models', `select destination_id, step from inputs where source_type = 'RUN_OUTPUT' and source_id = ?`, id)
    return {
      info: {
        run_id: id,
        run_uuid: id,
        run_name: text(row.name) || (tags.find(({ key }) => key === 'mlflow.runName')?.value ?? ''),
        experiment_id: text(row.experiment_id),
        user_id: text(row.user_id),
        status: text(row.status) as RunStatus,
        start_time: Number(row.start_time),
        ...(row.end_time === null ? {} : { end_time: Number(row.end_time) }),
        artifact_uri: text(row.artifact_uri),
        lifecycle_stage: row.lifecycle_stage === 'deleted' ? 'deleted' : 'active',
      },
      data: {
        metrics: all('select key, value, is_nan, timestamp, step from latest_metrics where run_uuid = ?', id).map(point),
        params: pairs(all('select key, value from params where run_uuid = ?', id)),
        tags,
      },
      inputs: {
        dataset_inputs: datasetsOf(id),
        model_inputs: allOf('logged_models', `select destination_id from inputs where source_type = 'RUN_INPUT' and source_id = ?`, id).map((input) => ({ model_id: text(input.destination_id) })),
      },
      outputs: { model_outputs: outputs.map(({ destination_id, step }) => ({ model_id: text(destination_id), step: Number(step) })) },
    }
  }

  const model = (row: Row): CopiedModel => {
    const id = text(row.model_id)
    return {
      deleted: row.lifecycle_stage === 'deleted',
      info: {
        model_id: id,
        experiment_id: text(row.experiment_id),
        name: text(row.name),
        creation_timestamp_ms: Number(row.creation_timestamp_ms),
        last_updated_timestamp_ms: Number(row.last_updated_timestamp_ms),
        artifact_uri: text(row.artifact_location),
        status: MODEL_STATUS[Number(row.status) - 1] ?? 'LOGGED_MODEL_READY',
        model_type: text(row.model_type),
        source_run_id: text(row.source_run_id),
        ...(row.status_message === null ? {} : { status_message: text(row.status_message) }),
        tags: pairs(all('select tag_key as key, tag_value as value from logged_model_tags where model_id = ?', id)),
      },
      data: {
        params: pairs(all('select param_key as key, param_value as value from logged_model_params where model_id = ?', id)),
        metrics: all(
          `select metric_name as key, metric_value as value, metric_value is null as is_nan, metric_timestamp_ms as timestamp, metric_step as step, run_id, dataset_name, dataset_digest
           from logged_model_metrics where model_id = ?`,
          id,
        ).map((row_) => ({
          ...point(row_),
          model_id: id,
          run_id: text(row_.run_id),
          ...(row_.dataset_name === null ? {} : { dataset_name: text(row_.dataset_name) }),
          ...(row_.dataset_digest === null ? {} : { dataset_digest: text(row_.dataset_digest) }),
        })),
      },
    }
  }

  const version = (row: Row): CopiedVersion => {
    const key = [row.name ?? '', row.version ?? 0] as const
    const tags = allOf('model_version_tags', 'select key, value from model_version_tags where name = ? and version = ?', ...key)
    const found: CopiedVersion = {
      name: text(row.name),
      version: text(row.version),
      creation_timestamp: Number(row.creation_time),
      last_updated_timestamp: Number(row.last_updated_time),
      current_stage: text(row.current_stage) || 'None',
      ...(row.description === null ? {} : { description: text(row.description) }),
      source: text(row.source),
      ...(text(row.run_id) === '' ? {} : { run_id: text(row.run_id) }),
      ...(text(row.run_link) === '' ? {} : { run_link: text(row.run_link) }),
      status: 'READY',
      tags: pairs(tags),
      aliases: [],
      ...(text(row.storage_location) === '' ? {} : { location: text(row.storage_location) }),
    }
    return withModelId(found)
  }

  const folderOf = ({ uri }: FilesOf): string | undefined => folderAt(uri, artifacts)
  return {
    name: `sqlite:${file}`,
    totals: () => Promise.resolve({ experiments: count('experiments'), runs: count('runs'), models: count('logged_models') }),
    experiments: async function* () {
      for (const row of all('select * from experiments order by experiment_id')) {
        yield await Promise.resolve({
          experiment_id: text(row.experiment_id),
          name: text(row.name),
          artifact_location: text(row.artifact_location),
          lifecycle_stage: row.lifecycle_stage === 'deleted' ? ('deleted' as const) : ('active' as const),
          creation_time: Number(row.creation_time ?? 0),
          last_update_time: Number(row.last_update_time ?? 0),
          tags: pairs(allOf('experiment_tags', 'select key, value from experiment_tags where experiment_id = ?', row.experiment_id ?? 0)),
        })
      }
    },
    runs: (experimentId) => pages((after) => all('select rowid as n, * from runs where experiment_id = ? and rowid > ? order by rowid limit ?', Number(experimentId), after, PAGE), run),
    run: (runId) => Promise.resolve(all('select * from runs where run_uuid = ?', runId).map(run)[0]),
    history: (runId, key) =>
      pages((after) => all('select rowid as n, key, value, is_nan, timestamp, step from metrics where run_uuid = ? and key = ? and rowid > ? order by rowid limit ?', runId, key, after, POINTS_PAGE), point),
    models: (experimentId) =>
      pages((after) => allOf('logged_models', 'select rowid as n, * from logged_models where experiment_id = ? and rowid > ? order by rowid limit ?', Number(experimentId), after, PAGE), model),
    model: (modelId) => Promise.resolve(allOf('logged_models', 'select * from logged_models where model_id = ?', modelId).map(model)[0]),
    registered: async function* () {
      for (const row of allOf('registered_models', 'select * from registered_models order by name')) {
        const name = row.name ?? ''
        yield await Promise.resolve({
          name: text(name),
          creation_timestamp: Number(row.creation_time),
          last_updated_timestamp: Number(row.last_updated_time),
          ...(row.description === null ? {} : { description: text(row.description) }),
          latest_versions: [],
          tags: pairs(allOf('registered_model_tags', 'select key, value from registered_model_tags where name = ?', name)),
          aliases: allOf('registered_model_aliases', 'select alias, version from registered_model_aliases where name = ?', name).map((alias) => ({ alias: text(alias.alias), version: text(alias.version) })),
        })
      }
    },
    // A version that was deleted is a row in a stage of its own.
    versions: (name) =>
      pages((after) => all(`select version as n, * from model_versions where name = ? and version > ? and coalesce(current_stage, '') <> 'Deleted_Internal' order by version limit ?`, name, after, PAGE), version),
    reaches: (place) => folderOf(place) !== undefined,
    files: async function* (place) {
      const folder = folderOf(place)
      if (folder !== undefined) yield* filesBelow(folder, '')
    },
    read: (place, path) => {
      const folder = folderOf(place)
      if (folder === undefined) throw new MillraceError('NOT_FOUND', `${place.uri}: not on this machine`)
      return Promise.resolve(createReadStream(insideRoot(folder, path), { highWaterMark: 256 * 1024 }))
    },
    close: () => db.close(),
  }
}

function open(file: string): DatabaseSync {
  try {
    const db = new DatabaseSync(file, { readOnly: true })
    db.exec('pragma busy_timeout = 10000; pragma cache_size = -8000')
    return db
  } catch (error) {
    throw toMillraceError(error, `opening ${file}`)
  }
}

/** The folder on this machine that an artifact location names; undefined for one elsewhere. */
function folderAt(uri: string, artifacts: string | undefined): string | undefined {
  const below = proxied(uri)
  if (below !== undefined) return artifacts === undefined ? undefined : insideRoot(artifacts, below)
  if (uri.startsWith('file:')) return fileURLToPath(uri)
  if (/^[\w+.-]+:/.test(uri)) return undefined
  return isAbsolute(uri) ? uri : resolve(uri)
}

async function* filesBelow(folder: string, base: string): AsyncIterable<SourceFile> {
  if (base === '' && !existsSync(folder)) return
  const entries = await readdir(folder, { withFileTypes: true })
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = base === '' ? entry.name : `${base}/${entry.name}`
    if (entry.isDirectory()) yield* filesBelow(join(folder, entry.name), path)
    else if (entry.isFile()) yield { path, size: (await stat(join(folder, entry.name))).size }
  }
}

function text(value: SQLInputValue | undefined): string {
  return value === null || value === undefined ? '' : String(value)
}
