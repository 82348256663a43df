// The Node that Millrace runs on: this one if it is new enough, else the one that npm installed beside it (see bin/millrace.mjs).
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const launcher = fileURLToPath(new URL('../bin/millrace.mjs', import.meta.url))

/** Path of a Node that strips types and has node:sqlite. */
export function node24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  const { stdout, status } = spawnSync(process.execPath, [launcher, '--print-node'], { encoding: 'utf8' })
  if (status !== 0) process.exit(status ?? 1)
  return stdout.trim()
}
