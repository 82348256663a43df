// Builds console/dist where it is missing or was built from other sources. Plain JavaScript: npm runs it before `npm start`, on whatever Node there is.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { node24 } from './node24.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const consoleFolder = join(root, 'console')
const dist = join(consoleFolder, 'dist')
const stamp = join(dist, '.sources')

const wanted = hashOfSources()
if (!process.argv.includes('--force') && existsSync(join(dist, 'index.html')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) process.exit(0)

const vite = findVite()
if (vite === undefined) {
  if (existsSync(join(dist, 'index.html'))) process.exit(0)
  console.error('The console is not built, and vite, which builds it, is not installed: run `npm ci` without --omit=dev. Everything else works without it.')
  process.exit(0)
}
console.log('Building the console; it takes some seconds.')
// Into a folder beside, so that a gateway that runs meanwhile never serves half of it.
const next = join(consoleFolder, `dist-${process.pid}`)
const { status, stdout, stderr } = spawnSync(node24(), [vite, 'build', consoleFolder, '--outDir', next, '--emptyOutDir', '--logLevel', 'warn'], { encoding: 'utf8' })
if (status !== 0) {
  rmSync(next, { recursive: true, force: true })
  console.error(`Building the console failed:\n${stdout}${stderr}`)
  process.exit(1)
}
writeFileSync(join(next, '.sources'), wanted)
rmSync(dist, { recursive: true, force: true })
renameSync(next, dist)
console.log('The console is built.')

/** Over the names and contents of all that the build reads: times say nothing after a checkout. */
function hashOfSources() {
  const files = [
    ...['index.html', 'vite.config.ts'].map((name) => join(consoleFolder, name)),
    ...filesBelow(join(consoleFolder, 'src')),
    ...filesBelow(join(consoleFolder, 'public')),
    ...filesBelow(join(root, 'src', 'api')),
    join(root, 'package-lock.json'),
  ]
  const hash = createHash('sha256')
  for (const file of files) {
    if (!existsSync(file)) continue
    hash.update(`${relative(root, file)}\0`).update(createHash('sha256').update(readFileSync(file)).digest())
  }
  return hash.digest('hex')
}

function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort()
}

function findVite() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin', 'vite.js')
  } catch {
    return undefined
  }
}
