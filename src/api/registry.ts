/** The registry beyond MLflow: `/api/2.0/millrace/registry/…`. Times are RFC 3339; numbers of versions are text, as everywhere. */
import type { GateCheck } from './events.ts'
import type { AliasMove, Double } from './tracking.ts'

export interface ManifestFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly sha256: string
}

/** The files of a version as they were when it was sealed: `GET registry/manifest`. */
export interface Manifest {
  readonly model: string
  readonly version: string
  /** SHA-256, hex, over the lines `SHA256 SIZE PATH\n` in code-unit order of their paths. */
  readonly digest: string
  /** Bytes of all files. */
  readonly size: number
  readonly sealed_at: string
  readonly files: readonly ManifestFile[]
}

/** `GET registry/verify`. */
export interface Verification {
  readonly model: string
  readonly version: string
  readonly ok: boolean
  /** As registered. */
  readonly digest: string
  /** Of the files as they are now; null where none is left. */
  readonly found: string | null
  readonly files: number
  readonly size: number
  readonly problems: readonly {
    readonly path: string
    readonly problem: 'missing' | 'changed' | 'added'
    readonly expected: ManifestFile | null
    readonly found: ManifestFile | null
  }[]
}

/** Where a version comes from and where it went: `GET registry/lineage`. What is not known is null or empty. */
export interface Lineage {
  readonly model: string
  readonly version: string
  readonly created: string
  readonly description: string | null
  readonly stage: string
  readonly tags: Readonly<Record<string, string>>
  readonly source: string
  /** The version that it is a copy of. */
  readonly copy_of: { readonly model: string; readonly version: string } | null
  readonly copies: readonly { readonly model: string; readonly version: string }[]
  readonly logged_model: string | null
  readonly digest: string | null
  readonly run: {
    readonly run_id: string
    readonly name: string
    readonly experiment_id: string
    readonly status: string
    readonly user: string
    readonly started: string
    readonly ended: string | null
  } | null
  readonly commit: string | null
  readonly execution: string | null
  /** Why it was trained, as the execution says. */
  readonly reason: string | null
  /** Path → DVC's hash. */
  readonly data: Readonly<Record<string, string>>
  /** Data sets logged with the run. */
  readonly datasets: readonly { readonly name: string; readonly digest: string; readonly source: string; readonly context: string | null }[]
  readonly contract: string | null
  /** `view:feature`. */
  readonly features: readonly string[]
  readonly training_window: { readonly from: string | null; readonly to: string | null } | null
  readonly params: Readonly<Record<string, string>>
  readonly metrics: Readonly<Record<string, Double>>
  readonly aliases: readonly string[]
  /** Each time that an alias named it; `until` is null while it does. */
  readonly held: readonly { readonly alias: string; readonly from: string; readonly until: string | null; readonly actor: string; readonly reason: string }[]
}

/** What differs between two versions: `GET registry/diff`. A value that one lacks is null there. */
export interface VersionDiff {
  readonly a: { readonly model: string; readonly version: string }
  readonly b: { readonly model: string; readonly version: string }
  readonly differences: readonly Difference[]
}

export interface Difference {
  readonly area: 'version' | 'tag' | 'data' | 'param' | 'metric' | 'feature' | 'file'
  readonly key: string
  readonly a: string | number | null
  readonly b: string | number | null
}

/** `GET registry/gates`: what setting the alias on the version would be told. */
export interface GateOutcome {
  readonly model: string
  readonly alias: string
  readonly version: string
  readonly passed: boolean
  readonly checks: readonly GateCheck[]
}

/** `POST registry/rollback`. */
export interface Rollback {
  readonly move: AliasMove
}
