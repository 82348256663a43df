import type { Transaction } from 'kysely'
import type { AliasMove, ModelVersion } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { TrainingContext } from '../context.ts'
import { invalid } from '../mlflow/errors.ts'
import { LIMITS, checkLength } from '../mlflow/limits.ts'
import type { TrackingSchema } from '../tables.ts'
import { emitAliasMoved } from './events.ts'
import { presentVersions } from './present.ts'
import { requireModel, requireVersion } from './require.ts'
import * as store from './store.ts'

/** Who asks, why, and at which project time. */
export interface Mover {
  /** undefined: the version's tag `millrace.actor` says, or nobody does. */
  readonly actor: string | undefined
  readonly reason: string | undefined
  readonly time: number
}

export const UNKNOWN_ACTOR = 'anonymous'
const ACTOR_TAG = 'millrace.actor'
const REASON_TAG = 'millrace.reason'

/** `expected`: undefined moves from wherever the alias is; null only if there is no such alias; else only from that version (CONFLICT otherwise). */
export interface AliasChange {
  readonly model: string
  readonly alias: string
  readonly expected: number | null | undefined
}

/** Moves the alias, keeps the move in the history and tells of it, all in one transaction. To the version where it is already: nothing happens. */
export async function setAlias(context: TrainingContext, change: AliasChange, version: number, by: Mover): Promise<void> {
  checkAlias(change.alias)
  await context.db.transaction(async (trx) => {
    await requireModel(trx, change.model, context.clock.wall().getTime())
    await requireVersion(trx, change.model, version)
    await moveAlias(trx, context, change, version, by)
  })
}

/** Removing an alias that is not there is no error, as in MLflow. */
export async function deleteAlias(context: TrainingContext, change: AliasChange, by: Mover): Promise<void> {
  await context.db.transaction(async (trx) => {
    await requireModel(trx, change.model, context.clock.wall().getTime())
    await moveAlias(trx, context, change, null, by)
  })
}

/** The caller holds the model's lock. */
export async function moveAlias(trx: Transaction<TrackingSchema>, { outbox, clock }: TrainingContext, change: AliasChange, version: number | null, by: Mover): Promise<void> {
  const { model, alias, expected } = change
  const previous = (await store.findAlias(trx, model, alias)) ?? null
  // Before `expected`: a caller who moved it and did not hear so repeats the same request.
  if (previous === version) return
  if (expected !== undefined && expected !== previous) {
    const at = (number: number | null) => (number === null ? 'at no version' : `at version ${number}`)
    throw new MillraceError('CONFLICT', `alias ${alias} of ${model} is ${at(previous)}, expected it ${at(expected)}`, {
      details: { version: previous === null ? null : String(previous) },
    })
  }
  const tags = version === null ? [] : await store.versionTags(trx, model, version)
  const tag = (key: string) => tags.find((one) => one.key === key)?.value
  const actor = by.actor ?? tag(ACTOR_TAG) ?? UNKNOWN_ACTOR
  const reason = by.reason ?? tag(REASON_TAG) ?? ''
  await store.putAlias(trx, model, alias, version)
  await store.appendHistory(trx, { name: model, alias, version, previous, actor, reason, time: by.time, wall_time: clock.wall().getTime() })
  await emitAliasMoved(trx, outbox, { model, alias, version, previous, actor, reason })
}

/** `latest` is the newest version, whatever its stage. */
export async function getByAlias({ db }: TrainingContext, model: string, alias: string): Promise<ModelVersion> {
  const row = await requireModel(db.kysely, model)
  if (alias.toLowerCase() === 'latest') {
    const latest = await store.newestVersion(db.kysely, row.name)
    if (latest === undefined) throw new MillraceError('NOT_FOUND', `Latest version not found for model ${model}.`)
    return presentOne(db.kysely, latest)
  }
  const version = await store.findAlias(db.kysely, model, alias)
  if (version === undefined) throw new MillraceError('ALIAS_NOT_FOUND', `Registered model alias ${alias} not found.`)
  return presentOne(db.kysely, await requireVersion(db.kysely, model, version))
}

export async function aliasHistory({ db }: TrainingContext, model: string, alias: string | undefined): Promise<readonly AliasMove[]> {
  const rows = await store.readHistory(db.kysely, model, alias)
  if (rows.length === 0) await requireModel(db.kysely, model)
  return rows.map(presentMove)
}

/** The move after which the alias stood as it did at `time`; its version is null where the alias had been removed. */
export async function moveAt({ db }: TrainingContext, model: string, alias: string, time: number): Promise<AliasMove> {
  const row = await store.moveAt(db.kysely, model, alias, time)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `model ${model} had no alias ${alias} at ${new Date(time).toISOString()}`)
  return presentMove(row)
}

function presentMove(row: Awaited<ReturnType<typeof store.readHistory>>[number]): AliasMove {
  const text = (number: number | null) => (number === null ? null : String(number))
  return {
    model: row.name,
    seq: row.seq,
    alias: row.alias,
    version: text(row.version),
    previous: text(row.previous),
    actor: row.actor,
    reason: row.reason,
    time: new Date(row.time).toISOString(),
    wall_time: new Date(row.wall_time).toISOString(),
  }
}

async function presentOne(db: Parameters<typeof presentVersions>[0], row: store.VersionRow): Promise<ModelVersion> {
  const [version] = await presentVersions(db, [row])
  if (version === undefined) throw new TypeError('one row in, one version out')
  return version
}

function checkAlias(alias: string): void {
  if (alias === '') throw invalid('Registered model alias name cannot be empty.')
  if (!/^[\w-]+$/.test(alias)) throw invalid(`Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`)
  checkLength(alias, LIMITS.alias, 'alias')
  if (alias.toLowerCase() === 'latest') throw invalid("'latest' alias name (case insensitive) is reserved.")
  if (/^v\d+$/i.test(alias)) throw invalid(`Version alias name '${alias}' is reserved.`)
}
