import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ProjectConfig } from '../domain/config.ts'
import { MillraceError } from '../platform/errors/index.ts'

/** What `millrace serve tracking` may be told: by our names, and by those of `mlflow server` that have a meaning here. */
export interface TrackingOptions {
  readonly data?: string
  readonly database?: string
  readonly artifacts?: string
  readonly backendStoreUri?: string
  readonly artifactsDestination?: string
  readonly defaultArtifactRoot?: string
  readonly host?: string
  readonly port?: number
  readonly allowedHosts?: string
}

/** Options of `mlflow server` (3.17) that nothing here corresponds to, and what to do instead. */
const MEANINGLESS: readonly (readonly [string, string])[] = [
  ['-w, --workers <n>', 'one process answers all requests here'],
  ['--registry-store-uri <uri>', 'runs and models are in one database here'],
  ['--read-replica-backend-store-uri <uri>', 'all reads go to the one database'],
  ['--no-serve-artifacts', 'artifacts are always served; give experiments an artifact location in an object store to go past the server'],
  ['--artifacts-only', 'artifacts are served together with the runs they belong to'],
  ['--static-prefix <path>', 'the server answers at the root; let the proxy before it strip the prefix'],
  ['--cors-allowed-origins <origins>', 'pages of other sites are never let in; name hosts of your own with --allowed-hosts'],
  ['--disable-security-middleware', 'the checks of Host and Origin cannot be turned off; name your hosts with --allowed-hosts'],
  ['--x-frame-options <value>', 'no page of another site may frame an answer of this server'],
  ['--expose-prometheus <path>', 'metrics are always at /metrics and need no folder'],
  ['--gunicorn-opts <options>', 'there is no gunicorn here'],
  ['--waitress-opts <options>', 'there is no waitress here'],
  ['--uvicorn-opts <options>', 'there is no uvicorn here'],
  ['--dev', 'there is no mode of its own for development'],
  ['--app-name <name>', 'there are no server plug-ins'],
  ['--trace-archival-config <path>', 'traces are not archived'],
  ['--workspace-store-uri <uri>', 'there are no workspaces: run a server for each'],
  ['--enable-workspaces', 'there are no workspaces: run a server for each'],
]

export function addTrackingOptions(command: Command): Command {
  command
    .addOption(new Option('--data <folder>', 'folder for its state; with it tracking needs no millrace.yaml').helpGroup('Tracking or serving alone:'))
    .addOption(new Option('--database <url>', 'tracking: postgresql://… (default: SQLite in the folder)').helpGroup('Tracking alone:'))
    .addOption(new Option('--artifacts <place>', 'tracking: folder or s3://BUCKET/PREFIX for artifacts').helpGroup('Tracking alone:'))
    .addOption(new Option('--host <address>', 'address to listen on').helpGroup('Tracking or serving alone:'))
    .addOption(new Option('-p, --port <port>', 'port to listen on').argParser(parsePort).helpGroup('Tracking or serving alone:'))
    .addOption(new Option('--allowed-hosts <names>', 'tracking: names under which it is called, with commas between').helpGroup('As `mlflow server` has them:'))
    .addOption(new Option('--backend-store-uri <uri>', 'tracking: as --database; also sqlite:///FILE').helpGroup('As `mlflow server` has them:'))
    .addOption(new Option('--artifacts-destination <uri>', 'tracking: as --artifacts').helpGroup('As `mlflow server` has them:'))
    .addOption(new Option('--default-artifact-root <uri>', 'tracking: mlflow-artifacts:/ or an object store').helpGroup('As `mlflow server` has them:'))
    .addOption(new Option('--serve-artifacts', 'tracking: it always does').helpGroup('As `mlflow server` has them:'))
  for (const [flags, instead] of MEANINGLESS) {
    const name = flags.replace(/^-\w, /, '').replace(/ .*/, '')
    command.addOption(new Option(flags).hideHelp())
    command.on(`option:${name.replace(/^--/, '')}`, () => {
      throw new MillraceError('USAGE', `${name} has no meaning here: ${instead}`)
    })
  }
  return command
}

export interface TrackingAlone {
  readonly config: ProjectConfig
  /** Overrides what the configuration says of the database. */
  readonly database: string | undefined
}

/** The configuration with what the command line said. Relative folders are relative to where the command was started. */
export function withTrackingOptions(config: ProjectConfig, options: TrackingOptions): TrackingAlone {
  const database = oneOf(options.database, '--database', options.backendStoreUri, '--backend-store-uri')
  const artifacts = oneOf(options.artifacts, '--artifacts', options.artifactsDestination, '--artifacts-destination')
  const tracking = {
    ...config.services.tracking,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.port === undefined ? {} : { port: options.port }),
  }
  const place = artifacts === undefined ? {} : { artifacts: artifactsPlace(artifacts) }
  const root = options.defaultArtifactRoot === undefined ? {} : { default_artifact_root: artifactRoot(options.defaultArtifactRoot) }
  return {
    database: database === undefined ? undefined : databaseOf(database),
    config: {
      ...config,
      storage: { ...config.storage, ...(options.data === undefined ? {} : { folder: resolve(options.data) }), ...place, ...root },
      http: { ...config.http, allowed_hosts: [...config.http.allowed_hosts, ...hostNames(options.allowedHosts)] },
      services: { ...config.services, tracking },
    },
  }
}

function oneOf(ours: string | undefined, ourName: string, theirs: string | undefined, theirName: string): string | undefined {
  if (ours !== undefined && theirs !== undefined) throw new MillraceError('USAGE', `${ourName} and ${theirName} say the same: give one of them`)
  return ours ?? theirs
}

/** SQLAlchemy's forms: `sqlite:///relative`, `sqlite:////absolute`, `postgresql+psycopg2://…`. Never repeats the value: it may hold a password. */
function databaseOf(uri: string): string {
  const postgres = /^postgres(?:ql)?(?:\+\w+)?:\/\/(.*)$/s.exec(uri)?.[1]
  if (postgres !== undefined) return `postgresql://${postgres}`
  const file = /^sqlite:\/\/\/(.+)$/s.exec(uri)?.[1]
  if (file !== undefined) {
    const path = resolve(file)
    refuseMlflowDatabase(path)
    return `sqlite:${path}`
  }
  const scheme = /^([\w+]+):/.exec(uri)?.[1]
  if (scheme === undefined || scheme === 'file') {
    throw new MillraceError('USAGE', "the database: found a folder, as MLflow's file store is one; expected postgresql://… or sqlite:///FILE. `millrace import mlflow URL` takes over what a server has")
  }
  throw new MillraceError('USAGE', `the database: found ${scheme}://…, expected postgresql://… or sqlite:///FILE`)
}

/** MLflow's own tables are not ours, and a server of MLflow may still be writing to them. */
function refuseMlflowDatabase(path: string): void {
  if (!existsSync(path)) return
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const tables = new Set(database.prepare("select name from sqlite_master where type = 'table'").all().map(({ name }) => name))
    if (!tables.has('alembic_version')) return
  } finally {
    database.close()
  }
  throw new MillraceError('USAGE', `${path} is MLflow's own database: copy what is in it with \`millrace import mlflow sqlite:///${path}\`, or name another file`)
}

function artifactsPlace(given: string): string {
  if (given.startsWith('s3://')) return given
  if (given.startsWith('file:')) return fileURLToPath(given)
  if (/^[\w+.-]+:/.test(given)) throw new MillraceError('USAGE', `the place of artifacts: found ${given}, expected a folder or s3://BUCKET/PREFIX`)
  return resolve(given)
}

/** Only what every client can reach: a folder would be one on each client's own disk. */
function artifactRoot(uri: string): string {
  if (/^(mlflow-artifacts:|s3:\/\/|gs:\/\/|abfss?:\/\/|wasbs?:\/\/|hdfs:\/\/)/.test(uri)) return uri.replace(/\/+$/, '')
  throw new MillraceError(
    'USAGE',
    `--default-artifact-root: found ${isAbsolute(uri) || uri.startsWith('.') || uri.startsWith('file:') ? 'a folder' : uri}, expected mlflow-artifacts:/ or an object store (s3://…, gs://…, abfss://…); ` +
      'for a folder of the server, use --artifacts',
  )
}

/** Plain addresses are always let in, and ports make no difference. */
function hostNames(list: string | undefined): readonly string[] {
  const names = (list ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '')
  return names.flatMap((name) => {
    if (/^[\d.*]+(:\d+)?$/.test(name) && /\d/.test(name)) return []
    if (name.includes('*')) throw new MillraceError('USAGE', `--allowed-hosts: found ${name}, expected names in full, such as mlflow.example.com`)
    return [name.replace(/:\d+$/, '')]
  })
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new InvalidArgumentError(`found ${text}, expected a port, 0 to 65535`)
  return port
}
