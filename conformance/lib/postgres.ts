import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/platform/http/testing.ts'

export interface PostgresServer {
  /** Of a database that is empty at first. */
  readonly url: string
  /** The address of another new, empty one. */
  readonly createDatabase: (name: string) => string
  /** Shuts the server down, which ends its connections, and keeps its data. */
  readonly halt: () => Promise<void>
  /** Starts it again, on the same port. */
  readonly resume: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Where Debian, Red Hat and Homebrew put the server's programs, which are not on the path. */
const PLACES = ['/usr/lib/postgresql', '/usr/local/opt', '/opt/homebrew/opt', '/usr']

/** Starts a PostgreSQL server of its own in a temporary folder, on a port of its own, reachable from this machine only. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = findPrograms()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-postgres-'))
  const asUser = ordinaryUser(folder)
  const run = (program: string, args: readonly string[]): void => {
    const [command = '', ...rest] = [...asUser, join(bin, program), ...args]
    const { status, stderr, error } = spawnSync(command, rest, { encoding: 'utf8', cwd: folder })
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`)
  }
  const port = await freePort()
  const data = join(folder, 'data')
  run('initdb', ['--pgdata', data, '--username', 'millrace', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync'])
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c fsync=off -c max_connections=200`
  const start = async (): Promise<() => Promise<void>> => {
    const [command = '', ...rest] = [...asUser, join(bin, 'postgres'), '-D', data, ...options.split(' ')]
    const server = spawn(command, rest, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
    let log = ''
    server.stderr.on('data', (part: Buffer) => (log = (log + part.toString()).slice(-4000)))
    const ended = new Promise<void>((resolve) => server.once('close', () => resolve()))
    const halt = async (): Promise<void> => {
      // SIGINT is PostgreSQL's fast shutdown.
      server.kill('SIGINT')
      await ended
    }
    await ready(() => log, () => server.exitCode !== null).catch(async (error: unknown) => {
      await halt()
      throw error
    })
    return halt
  }
  const createDatabase = (name: string): string => {
    run('createdb', ['--host', '127.0.0.1', '--port', String(port), '--username', 'millrace', name])
    return `postgresql://millrace@127.0.0.1:${port}/${name}`
  }
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    let halt = await start()
    return {
      url: createDatabase('millrace'),
      createDatabase,
      halt: () => halt(),
      resume: async () => {
        halt = await start()
      },
      stop: async () => {
        await halt()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

function findPrograms(): string {
  const named = process.env['MILLRACE_POSTGRES_BIN']
  const found = PLACES.filter((place) => existsSync(place)).flatMap((place) => [
    join(place, 'bin'),
    ...readdirSync(place)
      .toSorted((a, b) => b.localeCompare(a, undefined, { numeric: true }))
      .map((version) => join(place, version, 'bin')),
  ])
  const bin = [...(named === undefined ? [] : [named]), ...found].find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  if (bin === undefined) {
    throw new Error('PostgreSQL 15 or newer is needed and was not found: apt-get install postgresql, or name the folder of its programs in MILLRACE_POSTGRES_BIN')
  }
  return bin
}

/** initdb refuses to run as root: then an ordinary user runs it, the one that the Debian package makes, and owns the folder. */
function ordinaryUser(folder: string): readonly string[] {
  if (process.getuid?.() !== 0) return []
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout.trim())
  const user = id('-u')
  if (!Number.isInteger(user) || user === 0) throw new Error('PostgreSQL does not run as root and there is no user "postgres" here: run the suite as another user')
  chownSync(folder, user, id('-g'))
  return ['setpriv', `--reuid=${user}`, `--regid=${id('-g')}`, '--clear-groups', '--']
}

async function ready(log: () => string, failed: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (log().includes('ready to accept connections')) return
    if (failed()) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`PostgreSQL did not start:\n${log()}`)
}
