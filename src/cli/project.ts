import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type ProjectConfig, projectConfigSchema } from '../domain/config.ts'
import { loadConfig } from '../platform/config/index.ts'
import { MillraceError } from '../platform/errors/index.ts'

export const CONFIG_FILE = 'millrace.yaml'

export interface Project {
  readonly folder: string
  readonly config: ProjectConfig
}

/** The project that holds `from`: the nearest folder upwards with a millrace.yaml. */
export function loadProject(from = process.cwd()): Project {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const file = join(folder, CONFIG_FILE)
    if (existsSync(file)) return { folder, config: loadConfig(projectConfigSchema, file) }
    if (dirname(folder) === folder) break
  }
  throw new MillraceError('NOT_FOUND', `no ${CONFIG_FILE} in ${resolve(from)} or above it; make a project with \`millrace init\`, or name one with -C FOLDER`)
}
