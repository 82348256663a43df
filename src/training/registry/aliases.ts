import type { Transaction } from 'kysely'
import type { GateCheck } from '../../api/events.ts'
import type { AliasMove, ModelVersion } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { invalid } from '../mlflow/errors.ts'
import { LIMITS, checkLength } from '../mlflow/limits.ts'
import type { TrackingSchema } from '../tables.ts'
import { authorize } from './access.ts'
import { type Caller, UNKNOWN_ACTOR } from './caller.ts'
import type { RegistryContext } from './context.ts'
import { emit, versionText } from './events.ts'
import { checkGates } from './gates.ts'
import { presentVersions } from './present.ts'
import { lockModel, requireModel, requireVersion } from './require.ts'
import { sealIfUnsealed } from './seal.ts'
import * as store from './store.ts'

const ACTOR_TAG = 'millrace.actor'
const REASON_TAG = 'millrace.reason'

/** `expected`: undefined moves from wherever the alias is; null only if there is no such alias; else only from that version (CONFLICT otherwise). */
export interface AliasChange {
  readonly model: string
  readonly alias: string
  readonly expected: number | null | undefined
}

interface Promotion {
  readonly change: AliasChange
  readonly version: number
  /** Go on though the gate refuses; the caller must say why. */
  readonly override: boolean
}

/**
 * Moves the alias, keeps the move in the history and tells of it, all in one transaction. To the version where it is already: nothing happens.
 * A gate of the alias that the version does not pass refuses it (GATE_NOT_PASSED, with the checks in the details).
 */
export async function setAlias(context: RegistryContext, { change, version, override }: Promotion, by: Caller): Promise<void> {
  const { model, alias } = change
  checkAlias(alias)
  if (override && !by.reason?.trim()) throw invalid('To override a gate, say why: the header x-millrace-reason is empty')
  authorize(context, by, 'alias.set', { model, alias, version })
  // What an alias names can be verified. A version without files, or with files elsewhere, stays as it is.
  await sealIfUnsealed(context, model, version, by)
  await context.db.transaction(async (trx) => {
    await lockModel(trx, model)
    const row = await requireVersion(trx, model, version)
    const previous = await startOfMove(trx, change, version)
    if (previous === version) return
    const overridden = (await checkGates(trx, context.gates, alias, row)).filter(({ passed }) => !passed)
    if (overridden.length > 0) {
      if (!override) throw gateError(row, alias, overridden)
      authorize(context, by, 'alias.override', { model, alias, version })
    }
    await recordMove(trx, context, { model, alias, version, previous, kind: 'set', overridden }, by)
  })
}

/** Removing an alias that is not there is no error, as in MLflow. */
export async function deleteAlias(context: RegistryContext, change: AliasChange, by: Caller): Promise<void> {
  checkAliasText(change.alias)
  authorize(context, by, 'alias.delete', { model: change.model, alias: change.alias })
  await context.db.transaction(async (trx) => {
    await lockModel(trx, change.model)
    await removeAlias(trx, context, change, by)
  })
}

/** The caller holds the model's lock. */
export async function removeAlias(trx: Transaction<TrackingSchema>, context: RegistryContext, change: AliasChange, by: Caller): Promise<void> {
  const { model, alias } = change
  const previous = await startOfMove(trx, change, null)
  if (previous === null) return
  authorize(context, by, 'alias.delete', { model, alias, version: previous })
  await recordMove(trx, context, { model, alias, version: null, previous, kind: 'set', overridden: [] }, by)
}

/** Where the alias is now, if the caller may move it from there to `version`. */
async function startOfMove(trx: Transaction<TrackingSchema>, { model, alias, expected }: AliasChange, version: number | null): Promise<number | null> {
  const previous = (await store.findAlias(trx, model, alias)) ?? null
  // Before `expected`: a caller who moved it and did not hear so repeats the same request.
  if (previous !== version && expected !== undefined && expected !== previous) throw movedMeanwhile(model, alias, previous, expected)
  return previous
}

export interface Move {
  readonly model: string
  readonly alias: string
  readonly version: number | null
  readonly previous: number | null
  readonly kind: 'set' | 'rollback'
  readonly overridden: readonly GateCheck[]
}

/** The caller holds the model's lock. Returns the number of the move in the model's history. */
export async function recordMove(trx: Transaction<TrackingSchema>, { outbox, clock }: RegistryContext, move: Move, by: Caller): Promise<number> {
  const { model, alias, version, previous, kind, overridden } = move
  const tags = version === null || kind === 'rollback' ? [] : await store.versionTags(trx, model, version)
  const tag = (key: string) => tags.find((one) => one.key === key)?.value
  const actor = by.actor ?? tag(ACTOR_TAG) ?? UNKNOWN_ACTOR
  const reason = by.reason ?? tag(REASON_TAG) ?? ''
  await store.putAlias(trx, model, alias, version)
  const failed = overridden.length === 0 ? null : JSON.stringify(overridden)
  const seq = await store.appendHistory(trx, { name: model, alias, version, previous, actor, reason, time: by.time, wall_time: clock.wall().getTime(), kind, overridden: failed })
  const told = { model, alias, version: versionText(version), previous: versionText(previous), ...(kind === 'rollback' ? { kind } : {}), ...(failed === null ? {} : { overridden }) }
  await emit(trx, outbox, 'dev.millrace.model.alias.moved', told, { ...by, actor, reason })
  return seq
}

export function movedMeanwhile(model: string, alias: string, found: number | null, expected: number | null): MillraceError {
  const at = (number: number | null) => (number === null ? 'at no version' : `at version ${number}`)
  return new MillraceError('CONFLICT', `alias ${alias} of ${model} is ${at(found)}, expected it ${at(expected)}`, { details: { version: versionText(found) } })
}

function gateError({ name, version }: store.VersionRow, alias: string, failed: readonly GateCheck[]): MillraceError {
  const reasons = failed.map(({ rule, value }) => `${rule} (found ${JSON.stringify(value)})`).join('; ')
  return new MillraceError('GATE_NOT_PASSED', `version ${version} of ${name} does not pass the gate of the alias ${alias}: expected ${reasons}`, { details: { checks: failed } })
}

/** `latest` is the newest version, whatever its stage. */
export async function getByAlias({ db }: RegistryContext, model: string, alias: string): Promise<ModelVersion> {
  checkAliasText(alias)
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

export async function aliasHistory({ db }: RegistryContext, model: string, alias: string | undefined): Promise<readonly AliasMove[]> {
  const rows = await store.readHistory(db.kysely, model, alias)
  if (rows.length === 0) await requireModel(db.kysely, model)
  return rows.map(presentMove)
}

/** The move after which the alias stood as it did at `time`; its version is null where the alias had been removed. */
export async function moveAt({ db }: RegistryContext, model: string, alias: string, time: number): Promise<AliasMove> {
  const row = await store.moveAt(db.kysely, model, alias, time)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `model ${model} had no alias ${alias} at ${new Date(time).toISOString()}`)
  return presentMove(row)
}

export function presentMove(row: store.HistoryRow): AliasMove {
  const overridden: readonly GateCheck[] = row.overridden === null ? [] : JSON.parse(row.overridden)
  return {
    model: row.name,
    seq: row.seq,
    alias: row.alias,
    version: versionText(row.version),
    previous: versionText(row.previous),
    actor: row.actor,
    reason: row.reason,
    time: new Date(row.time).toISOString(),
    wall_time: new Date(row.wall_time).toISOString(),
    kind: row.kind,
    ...(overridden.length === 0 ? {} : { overridden }),
  }
}

async function presentOne(db: Parameters<typeof presentVersions>[0], row: store.VersionRow): Promise<ModelVersion> {
  const [version] = await presentVersions(db, [row])
  if (version === undefined) throw new TypeError('one row in, one version out')
  return version
}

function checkAlias(alias: string): void {
  checkAliasText(alias)
  if (alias.toLowerCase() === 'latest') throw invalid("'latest' alias name (case insensitive) is reserved.")
  if (/^v\d+$/i.test(alias)) throw invalid(`Version alias name '${alias}' is reserved.`)
}

function checkAliasText(alias: string): void {
  if (alias === '') throw invalid('Registered model alias name cannot be empty.')
  if (!/^[\w-]+$/.test(alias)) throw invalid(`Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`)
  checkLength(alias, LIMITS.alias, 'alias')
}
