import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { BaseConfig } from './schema.ts'

/** Which project a service or a command belongs to. */
export interface ProjectIdentity {
  readonly name: string
  /**
   * The folder with the state of its services, absolute and without symbolic links. It tells two clones of one project apart, and is the same for the
   * worktree in which an execution runs the project's commands.
   */
  readonly state: string
}

export function projectIdentity(config: BaseConfig, projectFolder: string): ProjectIdentity {
  return { name: config.project, state: realPath(resolve(projectFolder, config.storage.folder)) }
}

/** `NAME STATE`, as the header X-Millrace-Project carries it; the path is encoded, since a header holds ASCII only. */
export function formatIdentity({ name, state }: ProjectIdentity): string {
  return `${name} ${encodeURIComponent(state)}`
}

/** An identity in words for errors, also one that was not written by `formatIdentity`. */
export function describeIdentity(header: string): string {
  const [name = '', state = ''] = header.split(' ', 2)
  return `${JSON.stringify(name)} (${decoded(state)})`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The part that exists is resolved: before the first start there is no state folder. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (dirname(path) === path) throw error
    return join(realPath(dirname(path)), basename(path))
  }
}
