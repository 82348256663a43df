/**
 * Events: CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
 * `seq`, `previoushash` and `hash` are extension attributes: they chain the events of one source.
 */
export interface MillraceEvent<T extends EventType = EventType> {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: T
  /** Wall time, RFC 3339. */
  readonly time: string
  /** What the event is about: a model's name, a run's id, a data set's path. */
  readonly subject: string
  readonly datacontenttype: 'application/json'
  readonly data: EventData[T]
  /** Project time, RFC 3339; equal to `time` unless the clock is simulated. */
  readonly projecttime: string
  readonly seq: number
  /** SHA-256, hex, of the event before it in the same source; 64 zeros for the first. */
  readonly previoushash: string
  readonly hash: string
}

/** An event as the log hands it out: `position` orders all sources. */
export interface LoggedEvent<T extends EventType = EventType> {
  readonly position: number
  readonly event: MillraceEvent<T>
}

export interface EventPage {
  readonly events: readonly LoggedEvent[]
  /** Ask for events after this one next. */
  readonly position: number
}

export interface OutboxPage {
  readonly events: readonly MillraceEvent[]
}

/** Who made a change, and why; an empty reason where none was given. */
export interface Authored {
  actor: string
  reason: string
}

export interface EventData {
  'dev.millrace.dataset.versioned': {
    path: string
    /** DVC's hash, with `.dir` for a folder. */
    md5: string
    size: number
    nfiles?: number
    rows?: number
    commit?: string
  }
  'dev.millrace.contract.checked': {
    contract: string
    data: string
    passed: boolean
    rows: number
    checks: number
    violations: readonly { rule: string; count: number; share: number }[]
  }
  'dev.millrace.run.finished': { run_id: string; experiment_id: string; status: string; metrics: Readonly<Record<string, number>> }
  /** Removed for good by `millrace gc`, with all that hung on them and their files; at most 50 ids in one event. */
  'dev.millrace.deleted.purged': {
    runs: readonly string[]
    logged_models: readonly string[]
    experiments: readonly string[]
    /** Of the runs' metrics. */
    points: number
  } & Authored
  'dev.millrace.model.created': { model: string; tags?: Readonly<Record<string, string>>; description?: string } & Partial<Authored>
  'dev.millrace.model.renamed': { model: string; previous: string } & Authored
  'dev.millrace.model.described': { model: string; description: string; previous: string } & Authored
  /** Its versions and aliases go with it; each alias has told of its own removal before. */
  'dev.millrace.model.deleted': { model: string; versions: readonly string[] } & Authored
  /** `previous` is null where the tag was not set. */
  'dev.millrace.model.tag.set': { model: string; key: string; value: string; previous: string | null } & Authored
  'dev.millrace.model.tag.deleted': { model: string; key: string; previous: string } & Authored
  'dev.millrace.model.version.created': {
    model: string
    version: string
    run_id: string | null
    tags: Readonly<Record<string, string>>
    source?: string
    description?: string
    /** Of the manifest of its files (docs/registry.md); absent where it was not sealed at registration. */
    digest?: string
  } & Partial<Authored>
  /** Its files have a manifest from now on and cannot change. */
  'dev.millrace.model.version.sealed': { model: string; version: string; digest: string; files: number; size: number } & Authored
  'dev.millrace.model.version.described': { model: string; version: string; description: string; previous: string } & Authored
  'dev.millrace.model.version.deleted': { model: string; version: string; run_id: string | null; digest: string | null } & Authored
  'dev.millrace.model.version.tag.set': { model: string; version: string; key: string; value: string; previous: string | null } & Authored
  'dev.millrace.model.version.tag.deleted': { model: string; version: string; key: string; previous: string } & Authored
  'dev.millrace.model.version.stage.changed': { model: string; version: string; stage: string; previous: string } & Authored
  'dev.millrace.model.alias.moved': {
    model: string
    alias: string
    /** null when the alias was removed. */
    version: string | null
    previous: string | null
    actor: string
    reason: string
    /** Absent: `set` or, where `version` is null, a removal. */
    kind?: 'rollback'
    /** What the gate found wanting and `actor` overrode. */
    overridden?: readonly GateCheck[]
  }
  /** A policy refused a change. `action` and `resource` as the policy was asked. */
  'dev.millrace.access.denied': { actor: string; action: string; resource: string; reason: string }
  'dev.millrace.gate.decided': {
    model: string
    version: string
    gate: 'candidate' | 'promotion'
    passed: boolean
    checks: readonly GateCheck[]
    execution_id?: string
  }
  'dev.millrace.deployment.rolled_out': { model: string; alias: string; version: string; previous: string | null; swap_ms: number }
  'dev.millrace.deployment.failed': { model: string; alias: string; version: string; reason: string }
  /** A version that was being rolled out to requests no longer gets any: the policy or `actor` decided so. `version` answers, as before. */
  'dev.millrace.deployment.rolled_back': { model: string; alias: string; version: string; previous: string; reason: string; rollout?: string; actor?: string }
  /** A rollout began, reached another step, was paused, resumed, or promoted: `version` answers `weight` percent of requests, `previous` the rest. */
  'dev.millrace.deployment.stepped': {
    model: string
    alias: string
    rollout: string
    version: string
    previous: string
    phase: 'progressing' | 'paused' | 'promoting' | 'promoted'
    /** From 0. */
    step: number
    weight: number
  } & Authored
  'dev.millrace.report.created': { report_id: string; model: string; window: { start: string; end: string } }
  'dev.millrace.drift.detected': {
    model: string
    report_id: string
    window: { start: string; end: string }
    drifted: readonly { column: string; method: string; score: number; threshold: number }[]
    share: number
  }
  'dev.millrace.performance.degraded': {
    model: string
    version: string
    report_id: string
    window: { start: string; end: string }
    metric: string
    value: number
    reference: number
    threshold: number
  }
  'dev.millrace.retraining.requested': { model: string; reason: string; execution_id: string; key: string }
  'dev.millrace.execution.started': { execution_id: string; reason: string; key: string }
  'dev.millrace.execution.finished': {
    execution_id: string
    run_id: string
    model: string
    /** null where nothing was registered: `unchanged` names the version that answers already and is the same model. */
    version: string | null
    unchanged?: string
    commit: string
    stages: readonly { name: string; seconds: number; cached: boolean }[]
  }
  'dev.millrace.execution.failed': { execution_id: string; stage?: string; reason: string }
  /**
   * Serving's journal is not what the monitor had taken over of it. `shortened`: it lost its end, and lines from the last common one on are read
   * again; `pruned`: it lost lines that had not been taken over; `replaced`: the two have no line in common. Offsets are those of the journal.
   */
  'dev.millrace.journal.discontinued': {
    cause: 'shortened' | 'pruned' | 'replaced'
    /** How far it had been taken over. */
    offset: number
    /** Where taking over goes on; null: only once an operator has said that it may. */
    resumed_at: number | null
    head: number
  }
  'dev.millrace.config.applied': { commit: string; actor: string }
}

export type EventType = keyof EventData

/** One line of a gate's decision: `value` is compared with `threshold` by `rule`. */
export interface GateCheck {
  readonly name: string
  readonly passed: boolean
  readonly value: number | string
  /** In words, with the numbers: `log_loss < 0.4931 (base rate)`. */
  readonly rule: string
}
