import { readFileSync } from 'node:fs'

/** The version of this installation, as in package.json: two folders up from the source, three from what is built. */
export const VERSION: string = readVersion(['../../package.json', '../../../package.json'])

function readVersion(candidates: readonly string[]): string {
  for (const candidate of candidates) {
    try {
      const { name, version }: { name?: unknown; version?: unknown } = JSON.parse(readFileSync(new URL(candidate, import.meta.url), 'utf8'))
      if (name === 'millrace' && typeof version === 'string') return version
    } catch {
      continue
    }
  }
  return '0.0.0'
}
