// The Node that Millrace runs on: this one if it is new enough, else the one that npm installed beside it (see bin/millrace.mjs).
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const launcher = fileURLToPath(new URL('../bin/millrace.mjs', import.meta.url))

/** Options of Node's test runner, as all runs have them. */
export const TESTING = ['--disable-warning=ExperimentalWarning', '--import', new URL('whole-output.mjs', import.meta.url).href, '--test', '--test-force-exit']

/** The environment of a run of many processes, of which each would strip and compile the same modules. */
export function compiledOnce() {
  return { NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)), ...process.env }
}

/** Path of a Node that strips types and has node:sqlite. */
export function node24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  const { stdout, status } = spawnSync(process.execPath, [launcher, '--print-node'], { encoding: 'utf8' })
  if (status !== 0) process.exit(status ?? 1)
  return stdout.trim()
}
