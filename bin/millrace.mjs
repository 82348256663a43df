#!/usr/bin/env node
// The launcher. Plain JavaScript that any Node since 18 can read: it finds a Node that can run Millrace and hands over to it.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WANTED = 24
const entry = new URL('entry.mjs', import.meta.url)

/**
 * What only a start can ask for. The demo shares a laptop with six services. A service that stands alone keeps a third less with a young generation of half
 * the size, at the same speed; with a quarter of it, or with --optimize-for-size, it would be slower. Two arenas, because glibc otherwise keeps one a thread
 * and core, with what DuckDB and ONNX Runtime have freed.
 */
const FLAGS = { demo: ['--max-semi-space-size=2', '--optimize-for-size'], serve: ['--max-semi-space-size=8'] }
const ARENAS = { MALLOC_ARENA_MAX: '2' }

if (process.argv[2] === '--print-node') {
  // For the scripts of this repository, which need the same Node.
  console.log(Number(process.versions.node.split('.')[0]) >= WANTED ? process.execPath : carriedNode())
} else {
  const current = Number(process.versions.node.split('.')[0]) >= WANTED
  // Who set the size of the young generation means it.
  const chosen = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => /semi[-_]space/.test(option))
  const flags = chosen ? [] : (FLAGS[process.argv[2]] ?? [])
  // A command that ends soon, or a process that its parent speaks to over a channel, stays what it is.
  if (current && (flags.length === 0 || process.channel)) await import(entry.href)
  else handOver(current ? process.execPath : carriedNode(), [...(current ? process.execArgv : []), ...flags])
}

/** The Node 24 that npm installed beside this package as an optional dependency for this platform. */
function carriedNode() {
  const require = createRequire(import.meta.url)
  const { platform, arch } = process
  const os = platform === 'win32' ? 'win' : platform
  const file = platform === 'win32' ? 'bin/node.exe' : 'bin/node'
  for (const name of [`node-${os}-${arch}`, `node-bin-${os}-${arch}`]) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), file)
    } catch {
      // The other name is tried next.
    }
  }
  console.error(
    `millrace needs Node ${WANTED} or newer, this is Node ${process.versions.node}, and none was installed for ${platform}-${arch}.\n` +
      `Run \`npm ci\` without \`--omit=optional\`, or put Node ${WANTED} on the PATH.`,
  )
  process.exit(69)
}

function handOver(node, flags) {
  const environment = { ...ARENAS, ...process.env }
  const args = ['--disable-warning=ExperimentalWarning', ...flags, fileURLToPath(entry), ...process.argv.slice(2)]
  // In place of this process, where Node can (since 22.15, not on Windows): no launcher then waits beside what it launched.
  if (process.execve && !process.channel && process.platform !== 'win32') process.execve(node, [node, ...args], environment)
  const child = spawn(node, args, { stdio: 'inherit', env: environment })
  // A terminal sends Ctrl-C to both processes; a supervisor sends SIGTERM to this one only. Either way the child decides when to go.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal) process.kill(process.pid, signal)
    else process.exit(code ?? 1)
  })
}
