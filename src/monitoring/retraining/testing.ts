import { MillraceError } from '../../platform/errors/index.ts'
import type { Registry } from './registry.ts'

/** For tests: the registry of another service, in memory. */
export class MemoryRegistry implements Registry {
  readonly aliases = new Map<string, string>()
  readonly moves: string[] = []
  readonly metrics = new Map<string, Readonly<Record<string, number>>>()
  readonly specs = new Map<string, object>()
  /** What the registry's rules say of a change of an alias, by alias. */
  readonly forbidden = new Map<string, MillraceError>()

  async aliasVersion(_model: string, alias: string): Promise<string | null> {
    return this.aliases.get(alias) ?? null
  }

  async version(_model: string, version: string) {
    return this.metrics.has(version) ? { version, runId: `run-${version}` } : null
  }

  async runMetrics(runId: string) {
    return this.metrics.get(runId.replace('run-', '')) ?? {}
  }

  async modelFile(_model: string, version: string, path: string): Promise<Uint8Array | null> {
    const spec = this.specs.get(version)
    return path === 'features.json' && spec ? new TextEncoder().encode(JSON.stringify(spec)) : null
  }

  async setAlias(_model: string, alias: string, version: string, _reason: string, expected?: string | null): Promise<void> {
    const now = this.aliases.get(alias) ?? null
    if (now === version) return
    const forbidden = this.forbidden.get(alias)
    if (forbidden) throw forbidden
    if (expected !== undefined && now !== expected) throw new MillraceError('CONFLICT', `${alias} is at ${now}`)
    this.aliases.set(alias, version)
    this.moves.push(`${alias} → ${version}`)
  }

  async removeAlias(_model: string, alias: string, version: string): Promise<void> {
    if (this.aliases.get(alias) !== version) return
    const forbidden = this.forbidden.get(`remove ${alias}`)
    if (forbidden) throw forbidden
    this.aliases.delete(alias)
    this.moves.push(`${alias} → none`)
  }
}
