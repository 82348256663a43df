import type { Kysely, Transaction } from 'kysely'
import type { LabelsRequest, LabelsResponse, PendingLabels } from '../../api/monitor.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { addTerms } from '../comparison/sums.ts'
import { chunks, insertMany } from '../inference/bulk.ts'
import { holdIngest, labelKey } from '../inference/store.ts'
import type { MonitorSchema } from '../tables.ts'

type LabelRow = MonitorSchema['labels']

/**
 * Stores labels, all or none. A label equal to one that is kept is a duplicate; one that differs throws CONFLICT and names the request, the row
 * and both values. `now` is the project time for labels that carry none. The moments of the requests that were labelled are added to `times`.
 */
export async function storeLabels(trx: Transaction<MonitorSchema>, labels: LabelsRequest['labels'], now: Date, times: number[] = []): Promise<LabelsResponse> {
  await holdIngest(trx)
  const rows = new Map<string, LabelRow>()
  const waiting = new Map<string, LabelRow>()
  let duplicates = 0
  for (const { request_id, row = 0, label, time } of labels) {
    const key = labelKey(request_id, row)
    const earlier = rows.get(key)
    if (earlier) {
      refuseOther(earlier, label)
      duplicates++
    } else {
      rows.set(key, { request_id, row, label, time: time === undefined ? now.getTime() : Date.parse(time), joined: 0 })
    }
  }
  const ids = [...new Set(labels.map((label) => label.request_id))]
  for (const some of chunks(ids)) {
    for (const kept of await trx.selectFrom('labels').selectAll().where('request_id', 'in', some).execute()) {
      const key = labelKey(kept.request_id, kept.row)
      const given = rows.get(key)
      if (!given) continue
      refuseOther(kept, given.label)
      duplicates++
      rows.delete(key)
      // It found no request when it came; perhaps there is one now.
      if (kept.joined === 0) waiting.set(key, kept)
    }
  }
  const truths: MonitorSchema['truths'][] = []
  for (const some of chunks(ids)) {
    const requests = await trx.selectFrom('requests').select(['pid', 'request_id', 'row', 'time']).where('request_id', 'in', some).execute()
    for (const { pid, request_id, row, time } of requests) {
      const key = labelKey(request_id, row)
      const given = rows.get(key) ?? waiting.get(key)
      if (!given) continue
      if (waiting.has(key)) await trx.updateTable('labels').set({ joined: 1 }).where('request_id', '=', request_id).where('row', '=', row).execute()
      given.joined = 1
      truths.push({ pid, label: given.label, time: given.time })
      times.push(time)
    }
  }
  const fresh = [...rows.values()]
  // Not `insertMany`, which passes over a row that another transaction wrote meanwhile: that one may say otherwise.
  for (const some of chunks(fresh)) await trx.insertInto('labels').values(some).execute()
  await insertMany(trx, 'truths', truths)
  // Without its truth, nothing of a request has been counted.
  await addTerms(trx, truths.map(({ pid }) => pid))
  return { accepted: fresh.length, duplicates, pending: [...fresh, ...waiting.values()].filter((row) => row.joined === 0).length }
}

function refuseOther(kept: LabelRow, label: number): void {
  if (kept.label === label) return
  throw new MillraceError('CONFLICT', `request ${kept.request_id}, row ${kept.row}: the label is ${kept.label} already; found ${label}`, {
    details: { request_id: kept.request_id, row: kept.row, kept: kept.label, found: label },
  })
}

/** Labels whose request is not known, oldest first, and how many there are. */
export async function pendingLabels(db: Kysely<MonitorSchema>, limit: number): Promise<PendingLabels> {
  const { count } = await db.selectFrom('labels').select((e) => e.fn.countAll<number>().as('count')).where('joined', '=', 0).executeTakeFirstOrThrow()
  const rows = await db.selectFrom('labels').selectAll().where('joined', '=', 0).orderBy('time').orderBy('request_id').orderBy('row').limit(limit).execute()
  return {
    count: Number(count),
    labels: rows.map(({ request_id, row, label, time }) => ({ request_id, row, label, time: new Date(time).toISOString() })),
  }
}
