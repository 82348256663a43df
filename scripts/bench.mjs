// npm run bench [name …]: what bench/ promises, measured against the peers it names. Leave the machine alone meanwhile.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { node24 } from './node24.mjs'
import { peersVenv, root } from './peers.mjs'

const { status } = spawnSync(node24(), ['--disable-warning=ExperimentalWarning', join(root, 'bench', 'index.ts'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, MILLRACE_PEERS_VENV: peersVenv() },
})
process.exit(status ?? 1)
