import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import { initProject } from './init.ts'
import { openProject, type Project } from './project.ts'

/** An empty folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-data-')))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A new project with these files: name to content. */
export function temporaryProject(files: Readonly<Record<string, string>> = {}): Project {
  const root = temporaryFolder()
  initProject(root)
  writeFiles(root, files)
  return openProject(root)
}

export function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
}

export function gitCommit(project: Project, message = 'state'): string {
  const run = (...args: readonly string[]) => execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@localhost', ...args], { cwd: project.root, encoding: 'utf8' }).trim()
  run('add', '--all')
  run('commit', '--quiet', '--allow-empty', '--message', message)
  return run('rev-parse', 'HEAD')
}
