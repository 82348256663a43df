// npm run bench [name …]: what bench/ promises, measured against the peers it names. Leave the machine alone meanwhile.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { node24 } from './node24.mjs'
import { mlserverVenv, peersVenv, root } from './peers.mjs'

const wanted = process.argv.slice(2)
const mlserver = wanted.length === 0 || wanted.includes('random-forest') ? { MILLRACE_MLSERVER_VENV: mlserverVenv() } : {}
const { status } = spawnSync(node24(), ['--disable-warning=ExperimentalWarning', join(root, 'bench', 'index.ts'), ...wanted], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, MILLRACE_PEERS_VENV: peersVenv(), ...mlserver },
})
process.exit(status ?? 1)
