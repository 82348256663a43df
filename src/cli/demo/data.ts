import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { openProjectOutbox } from '../../data/pipeline/project-outbox.ts'
import { type AddedData, addDataset, initProject, openProject } from '../../data/versioning/index.ts'
import type { ProjectConfig } from '../../domain/config.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { commitPaths, headCommit } from '../../platform/git/repository.ts'
import { SOURCE_FOLDER } from './folder.ts'
import type { FlightsWorld } from './flights.ts'

export const FLIGHTS = 'data/raw/flights'
export const WEATHER = 'data/raw/weather.parquet'

/** A Git repository and a DVC project with the example's files as its first commit, and the share of the flights that the demo learns from. */
export async function createProject(folder: string, sample: number): Promise<void> {
  initProject(folder)
  const params = join(folder, 'params.yaml')
  const document = parseDocument(readFileSync(params, 'utf8'))
  document.setIn(['features', 'sample'], sample)
  writeFileDurable(params, document.toString())
  writeFileDurable(join(folder, '.gitignore'), '/.millrace/\n/.millrace-demo.json\n')
  await commitPaths(folder, { message: 'Begin with the flights example' })
}

/** Brings the raw data to what was known at `until`, puts it under versioning, commits, and tells it. Answers what was added. */
export async function versionData(folder: string, config: ProjectConfig, world: FlightsWorld, until: Date): Promise<readonly AddedData[]> {
  mkdirSync(join(folder, FLIGHTS), { recursive: true })
  cpSync(join(SOURCE_FOLDER, 'weather.parquet'), join(folder, WEATHER), { force: false })
  await world.writeMonths(join(folder, FLIGHTS), until)
  const params = join(folder, 'params.yaml')
  const document = parseDocument(readFileSync(params, 'utf8'))
  document.setIn(['validate', 'as_of'], until.toISOString())
  writeFileDurable(params, document.toString())

  const project = openProject(folder)
  const added = [addDataset(project, FLIGHTS), addDataset(project, WEATHER)]
  const commit = await commitPaths(folder, {
    message: `Add flights and weather as known on ${until.toISOString().slice(0, 10)}`,
    paths: [...new Set(added.flatMap(({ toCommit }) => toCommit)), 'params.yaml'],
  })
  const outbox = await openProjectOutbox(folder, config)
  try {
    for (const { path, md5, size, nfiles, changed } of added) {
      if (changed) await outbox.emit('dev.millrace.dataset.versioned', path, { path, md5, size, commit, ...(nfiles === undefined ? {} : { nfiles }) })
    }
  } finally {
    await outbox.close()
  }
  return added
}

/** Commits what a repro has changed. */
export async function commitResults(folder: string, message: string): Promise<string> {
  await commitPaths(folder, { message })
  return (await headCommit(folder)) ?? ''
}
