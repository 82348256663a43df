import type { Authored } from '../../api/events.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Blobs } from '../../platform/blobs/index.ts'
import type { TrainingContext } from '../context.ts'
import { eventsIn } from '../events.ts'
import { invalid } from '../mlflow/errors.ts'
import { toInteger } from '../mlflow/fields.ts'
import type { Queries } from '../tables.ts'
import { keyOf } from '../tracking/artifacts/uri.ts'
import type { Selection } from './schema.ts'
import * as store from './store.ts'

export interface Held {
  readonly kind: store.Kind
  readonly id: string
  readonly name: string
  readonly why: string
}

export interface Collectable {
  readonly kind: store.Kind
  readonly id: string
  readonly name: string
  readonly points: number
  readonly files: number
  /** Of the files that the server keeps. */
  readonly bytes: number
  /** Files that lie where only clients reach them, and stay. */
  readonly left_at: string | null
}

export interface Collected {
  readonly runs: number
  readonly models: number
  readonly experiments: number
  readonly points: number
}

const PAGE = 100
/** Things that go together: one transaction to begin, one to end, one event. */
const AT_ONCE = 50
/** One call works about so long: the caller sees progress, and a server that stops is not held up. */
const SLICE_MS = 500

export async function wanted({ clock, db }: TrainingContext, { older_than, run_ids, logged_model_ids, experiment_ids }: Selection): Promise<store.Wanted> {
  const age = older_than === undefined ? 0 : toInteger(older_than, 'older_than')
  await refuseActive(db.kysely, run_ids ?? [], experiment_ids ?? [])
  return { before: clock.wall().getTime() - age, runs: run_ids, models: logged_model_ids, experiments: experiment_ids }
}

/** As MLflow: who names what is not deleted has made a mistake. */
async function refuseActive(db: Queries, runIds: readonly string[], experimentIds: readonly string[]): Promise<void> {
  for (const id of runIds) {
    const run = await db.selectFrom('runs').select('lifecycle_stage').where('run_id', '=', id).executeTakeFirst()
    if (run?.lifecycle_stage === 'active') throw invalid(`Run ${id} is not in 'deleted' lifecycle stage: only deleted runs can be removed for good.`)
  }
  for (const id of experimentIds) {
    if (!/^\d{1,15}$/.test(id)) throw invalid(`Invalid experiment ID: '${id}'.`)
    const experiment = await db.selectFrom('experiments').select('lifecycle_stage').where('experiment_id', '=', Number(id)).executeTakeFirst()
    if (experiment?.lifecycle_stage === 'active') throw invalid(`Experiment ${id} is not in 'deleted' lifecycle stage: only deleted experiments can be removed for good.`)
  }
}

/** A page of what would go, and of what is held and why. Changes nothing. */
export async function plan({ db, blobs }: TrainingContext, which: store.Wanted, token: string | undefined) {
  const [kind, after] = readToken(token)
  const page = await store.candidates(db.kysely, kind, which, after, PAGE)
  const items: Collectable[] = []
  const held: Held[] = []
  for (const candidate of page) {
    const { id, name, location } = candidate
    const why = await store.whyHeld(db.kysely, candidate)
    // What is in an experiment is counted on its own pages, and is gone before the experiment's turn.
    if (why !== undefined && kind !== 'experiment') held.push({ kind, id, name, why })
    else {
      const key = kind === 'experiment' ? undefined : keyOf(location)
      const points = kind === 'run' ? await store.countPoints(db.kysely, id) : 0
      const { files, bytes } = key === undefined ? { files: 0, bytes: 0 } : await measure(blobs, key)
      items.push({ kind, id, name, points, files, bytes, left_at: key === undefined && kind !== 'experiment' ? location : null })
    }
  }
  const next = page.length === PAGE ? `${kind}:${page.at(-1)?.id ?? ''}` : store.KINDS[store.KINDS.indexOf(kind) + 1]
  return { items, held, ...(next === undefined ? {} : { next_page_token: next.includes(':') ? next : `${next}:` }) }
}

function readToken(token: string | undefined): readonly [store.Kind, string] {
  const [, name, after = ''] = /^(\w+):(.*)$/s.exec(token ?? `${store.KINDS[0]}:`) ?? []
  const kind = store.KINDS.find((one) => one === name)
  if (kind === undefined) throw invalid('Invalid page token')
  return [kind, after]
}

async function measure(blobs: Blobs, key: string): Promise<{ files: number; bytes: number }> {
  const sum = { files: 0, bytes: 0 }
  for (const entry of await blobs.list(key)) {
    const { files, bytes } = entry.folder ? await measure(blobs, `${key}/${entry.name}`) : { files: 1, bytes: entry.size }
    sum.files += files
    sum.bytes += bytes
  }
  return sum
}

/**
 * Removes some of what may go, and says whether there is more. Each removal is first written down (`purges`), from when on it cannot be restored; then its
 * files go, its points, some in each transaction, and with its row what was written down. That last transaction tells of it. Killed anywhere, the next call
 * goes on. `token` is where the last one ended.
 */
export async function collect(context: TrainingContext, which: store.Wanted, token: string | undefined, by: Authored): Promise<Collected & { readonly next_page_token?: string }> {
  const { db } = context
  const collected = { runs: 0, models: 0, experiments: 0, points: 0 }
  const until = performance.now() + SLICE_MS
  let [kind, after] = readToken(token)
  do {
    const purges = await db.kysely.selectFrom('purges').selectAll().orderBy('time').orderBy('kind').orderBy('id').limit(AT_ONCE).execute()
    if (purges.length > 0) {
      const emptied: store.Purge[] = []
      for (const purge of purges) {
        if (await empty(context, purge, until)) emptied.push(purge)
        if (performance.now() > until) break
      }
      const gone = await finish(context, emptied, by)
      for (const what of ['runs', 'models', 'experiments', 'points'] as const) collected[what] += gone[what]
    } else {
      const found = await store.candidates(db.kysely, kind, which, after, AT_ONCE)
      const last = found.at(-1)
      if (last === undefined) {
        const next = store.KINDS[store.KINDS.indexOf(kind) + 1]
        if (next === undefined) return collected
        kind = next
        after = ''
      } else {
        after = last.id
        await begin(context, found)
      }
    }
  } while (performance.now() <= until)
  return { ...collected, next_page_token: `${kind}:${after}` }
}

/** Writes down that they go; not what was restored, or is needed, meanwhile. */
async function begin({ db, clock }: TrainingContext, found: readonly store.Candidate[]): Promise<void> {
  await db.transaction(async (trx) => {
    for (const candidate of found) {
      const { kind, id, location } = candidate
      if (!(await store.lockDeleted(trx, candidate)) || (await store.whyHeld(trx, candidate)) !== undefined) continue
      if (kind === 'logged_model') await store.hideModel(trx, id)
      const key = kind === 'experiment' ? undefined : keyOf(location)
      await trx.insertInto('purges').values({ kind, id, artifact_key: key ?? null, time: clock.wall().getTime() }).onConflict((c) => c.doNothing()).execute()
    }
  })
}

/** Removes files and points; false where it is not empty yet, or is not to go any more. */
async function empty({ db, blobs }: TrainingContext, { kind, id, artifact_key: key }: store.Purge, until: number): Promise<boolean> {
  try {
    if (key !== null) await blobs.delete(ownFolder(key, id))
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'ARTIFACT_SEALED') throw error
    // A version was registered from it since it was written down: it stays deleted, and is held from now on.
    await store.forget(db.kysely, kind, id)
    return false
  }
  if (kind !== 'run') return true
  while (await db.transaction((trx) => store.removePoints(trx, id))) if (performance.now() > until) return false
  return true
}

/** The end of what is empty, and its event. Of several that come here with the same, one finds it. */
async function finish({ db, outbox }: TrainingContext, emptied: readonly store.Purge[], { actor, reason }: Authored): Promise<Collected> {
  return db.transaction(async (trx) => {
    const gone: store.Purge[] = []
    for (const { kind, id } of emptied) {
      const purge = await store.forget(trx, kind, id)
      if (purge === undefined) continue
      await store.removeRow(trx, kind, id)
      await trx.deleteFrom('deletions').where('kind', '=', kind).where('id', '=', id).execute()
      gone.push(purge)
    }
    const ids = (kind: store.Kind) => gone.filter((one) => one.kind === kind).map(({ id }) => id)
    const told = { runs: ids('run'), logged_models: ids('logged_model'), experiments: ids('experiment'), points: gone.reduce((sum, { points }) => sum + points, 0) }
    if (gone.length > 0) await outbox.emit(eventsIn(trx), 'dev.millrace.deleted.purged', 'gc', { ...told, actor, reason })
    return { runs: told.runs.length, models: told.logged_models.length, experiments: told.experiments.length, points: told.points }
  })
}

/** `…/ID/artifacts` is all that lies in `…/ID`. */
function ownFolder(key: string, id: string): string {
  return key.endsWith(`/${id}/artifacts`) ? key.slice(0, -'/artifacts'.length) : key
}

/** In the transaction of a restoration. */
export async function refusePurged(trx: Queries, kind: store.Kind, id: string): Promise<void> {
  const purge = await trx.selectFrom('purges').select('id').where('kind', '=', kind).where('id', '=', id).executeTakeFirst()
  if (purge !== undefined) throw new MillraceError('NOT_FOUND', `${kind === 'run' ? 'Run' : 'Experiment'} ${id} is being removed for good and cannot be restored`)
}
