import type { RegistryClient, RegistryQuery } from '../../../sdk/registry.ts'
import { manifestDigest } from '../../domain/manifest.ts'
import type { Verification } from '../../api/registry.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { type VersionName, print, registry, versionNamed } from './connection.ts'
import { folderDigests } from './folder.ts'
import type { ChampionOptions, ListOptions, Output, VerifyCommand } from './options.ts'
import { diffLines, lineageLines, modelLine, moveLine, verificationLines, versionLine } from './text.ts'

export async function list(options: ListOptions): Promise<void> {
  const client = registry(options)
  const prompts = options.prompts === true ? "tags.`mlflow.prompt.is_prompt` = 'true'" : ''
  const filter = [options.filter ?? '', prompts].filter((part) => part !== '').join(' AND ')
  const found = await every((page) => client.searchModels({ ...(filter === '' ? {} : { filter }), ...page }), ({ models }) => models)
  print(options, found, found.length === 0 ? ['nothing is registered'] : found.map(modelLine))
}

export async function show(name: string, options: Output): Promise<void> {
  const client = registry(options)
  if (/[/@]/.test(name)) {
    const { model, version } = await versionNamed(client, name)
    const found = await client.getVersion(model, version)
    print(options, found, [versionLine(found), `      source ${found.source}`, ...found.tags.map(({ key, value }) => `      tag ${key}: ${value}`)])
    return
  }
  const model = await client.getModel(name)
  const query = { filter: `name = '${name.replaceAll("'", "''")}'`, orderBy: ['version_number DESC'] }
  const versions = await every((page) => client.searchVersions({ ...query, ...page }), (page) => page.versions)
  print(options, { ...model, versions }, [modelLine(model), ...model.tags.map(({ key, value }) => `      tag ${key}: ${value}`), ...versions.map(versionLine)])
}

export async function history(model: string, options: ChampionOptions): Promise<void> {
  const moves = await registry(options).aliasHistory(model, options.alias)
  print(options, moves, moves.length === 0 ? ['no alias was ever set'] : moves.map(moveLine))
}

export async function champion(model: string, options: ChampionOptions): Promise<void> {
  const client = registry(options)
  const alias = options.alias ?? 'champion'
  const time = options.at === undefined ? undefined : new Date(options.at)
  if (time !== undefined && Number.isNaN(time.getTime())) throw new MillraceError('USAGE', `--at: found ${JSON.stringify(options.at)}, expected a time such as 2013-05-01T00:00:00Z`)
  const move = time === undefined ? (await client.aliasHistory(model, alias)).at(-1) : await client.aliasAt(model, alias, time)
  if (move === undefined || move.version === null) throw new MillraceError('ALIAS_NOT_FOUND', `model ${model} ${time === undefined ? 'has' : 'had'} no alias ${alias}${time === undefined ? '' : ` at ${time.toISOString()}`}`)
  print(options, move, [`${model}/${move.version}  since ${moveLine(move)}`])
}

export async function lineage(name: string, options: Output): Promise<void> {
  const client = registry(options)
  const { model, version } = await versionNamed(client, name)
  const found = await client.lineage(model, version)
  print(options, found, lineageLines(found))
}

export async function diff(first: string, second: string, options: Output): Promise<void> {
  const client = registry(options)
  const a = await versionNamed(client, first)
  const found = await client.diffVersions(a, await versionNamed(client, second, a.model))
  print(options, found, diffLines(found))
}

/** The exit code tells as well: MODEL_INVALID where something differs. */
export async function verify(name: string, options: VerifyCommand): Promise<void> {
  const client = registry(options)
  const version = await versionNamed(client, name)
  const found = options.folder === undefined ? await client.verifyVersion(version.model, version.version) : await verifyFolder(client, version, options.folder)
  print(options, found, verificationLines(found))
  if (!found.ok) throw new MillraceError('MODEL_INVALID', `the files of version ${version.version} of ${version.model} are not those that were registered`)
}

/** What anyone who has the files can do, trusting only the digest of the manifest. */
async function verifyFolder(client: RegistryClient, { model, version }: VersionName, folder: string): Promise<Verification> {
  const manifest = await client.manifest(model, version)
  if (manifest === undefined) throw new MillraceError('NOT_FOUND', `version ${version} of ${model} is not sealed: it has no manifest`)
  const files = await folderDigests(folder)
  const now = new Map(files.map((file) => [file.path, file]))
  const then = new Map(manifest.files.map((file) => [file.path, file]))
  const problems: Verification['problems'] = [...new Set([...then.keys(), ...now.keys()])].toSorted().flatMap((path) => {
    const [expected, found] = [then.get(path) ?? null, now.get(path) ?? null]
    if (expected?.sha256 === found?.sha256) return []
    return [{ path, problem: expected === null ? 'added' : found === null ? 'missing' : 'changed', expected, found }]
  })
  const ok = problems.length === 0 && manifestDigest(manifest.files) === manifest.digest
  return { model, version, ok, digest: manifest.digest, found: files.length === 0 ? null : manifestDigest(files), files: manifest.files.length, size: manifest.size, problems }
}

/** All pages, one after the other. */
async function every<P extends { readonly nextPageToken?: string }, T>(ask: (page: RegistryQuery) => Promise<P>, take: (page: P) => readonly T[]): Promise<readonly T[]> {
  const found: T[] = []
  for (let token: string | undefined; ; ) {
    const page = await ask(token === undefined ? {} : { pageToken: token })
    found.push(...take(page))
    if (page.nextPageToken === undefined) return found
    token = page.nextPageToken
  }
}
