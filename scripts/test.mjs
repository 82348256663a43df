// npm test: every *.test.ts of src, sdk and examples under node:test. It needs Node and Git alone. Arguments narrow it: `npm test -- src/platform`.
import { spawnSync } from 'node:child_process'
import { TESTING, compiledOnce, node24 } from './node24.mjs'

const places = process.argv.slice(2)
const patterns = (places.length > 0 ? places : ['src', 'sdk', 'scripts', 'examples']).map((place) =>
  place.endsWith('.ts') || place.endsWith('.mjs') ? place : `${place}/**/*.test.{ts,mjs}`,
)
const { status } = spawnSync(node24(), [...TESTING, '--test-concurrency=2', '--test-timeout=120000', ...patterns], { stdio: 'inherit', env: compiledOnce() })
process.exit(status ?? 1)
