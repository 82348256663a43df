import type { Generated } from 'kysely'

export type Deleted = 'run' | 'logged_model' | 'experiment'

export interface TransferTables {
  /** What `millrace import` has copied whole: `fingerprint` of what it was made from, `content` its digest as JSON. */
  import_marks: { source: string; kind: string; id: string; fingerprint: string; content: string }
  /** Since when a run, a logged model or an experiment is deleted. */
  deletions: { kind: Deleted; id: string; time: number }
  /** What is being removed for good: it cannot be restored any more, and its files below `artifact_key` (null: not with the server) go with it. `points` are gone. */
  purges: { kind: Deleted; id: string; artifact_key: string | null; time: number; points: Generated<number> }
}
