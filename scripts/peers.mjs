// The real peers, as Python packages in virtual environments: .venv and, for one peer of the benchmarks, .venv-mlserver, unless MILLRACE_PEERS_VENV and MILLRACE_MLSERVER_VENV name others.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
/** Path of the environment, which is made, or brought up to date when the list of peers has changed. Ends the process with 69 where it cannot be. */
export function peersVenv() {
  return process.env.MILLRACE_PEERS_VENV ?? venv('.venv', join(root, 'conformance', 'requirements.txt'))
}

/** Of MLServer, for the benchmarks. */
export function mlserverVenv() {
  return process.env.MILLRACE_MLSERVER_VENV ?? venv('.venv-mlserver', join(root, 'bench', 'requirements-mlserver.txt'))
}

function venv(name, requirements) {
  const folder = join(root, name)
  const stamp = join(folder, 'millrace-peers')
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return folder
  console.log(`Installing the peers into ${folder} (once; some minutes)`)
  run('python3', ['-m', 'venv', folder])
  run(join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  writeFileSync(stamp, wanted)
  return folder
}

function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' })
  if (error || status !== 0) {
    console.error(`${program} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}. Python 3.10 or newer with venv is needed: apt-get install python3-venv`)
    process.exit(69)
  }
}
