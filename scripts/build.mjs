// npm run build: what is published. The source compiled to dist/ (Node strips no types under node_modules) and the console to console/dist.
import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { node24 } from './node24.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
rmSync(join(root, 'dist'), { recursive: true, force: true })
for (const args of [
  [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
  [join(root, 'scripts', 'build-console.mjs')],
]) {
  const { status } = spawnSync(node24(), args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
// What the compiler leaves behind.
const proto = join('src', 'serving', 'grpc', 'open_inference.proto')
copyFileSync(join(root, proto), join(root, 'dist', proto))
