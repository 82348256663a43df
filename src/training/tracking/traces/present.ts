import { groupBy, inChunks } from '../../store.ts'
import type { Queries } from '../../tables.ts'
import { presentAssessment } from './assessments/present.ts'
import type { TraceRow } from './store.ts'
import { toDuration, toTimestamp } from './time.ts'

/** mlflow.TraceInfoV3 in JSON. */
export interface TraceInfo {
  readonly trace_id: string
  readonly client_request_id?: string
  readonly trace_location: { readonly type: 'MLFLOW_EXPERIMENT'; readonly mlflow_experiment: { readonly experiment_id: string } }
  readonly request_preview?: string
  readonly response_preview?: string
  readonly request_time: string
  readonly execution_duration?: string
  readonly state: TraceRow['state']
  readonly trace_metadata: Readonly<Record<string, string>>
  readonly assessments: readonly object[]
  readonly tags: Readonly<Record<string, string>>
}

/** In the order of `rows`. */
export async function presentTraces(db: Queries, rows: readonly TraceRow[]): Promise<readonly TraceInfo[]> {
  const ids = rows.map((row) => row.trace_id)
  const byTrace = <T extends { trace_id: string }>(found: readonly T[]) => groupBy(found, (row) => row.trace_id)
  const tags = byTrace(await inChunks(ids, (chunk) => db.selectFrom('trace_tags').selectAll().where('trace_id', 'in', chunk).orderBy('key').execute()))
  const metadata = byTrace(await inChunks(ids, (chunk) => db.selectFrom('trace_metadata').selectAll().where('trace_id', 'in', chunk).orderBy('key').execute()))
  const assessments = byTrace(
    await inChunks(ids, (chunk) => db.selectFrom('assessments').selectAll().where('trace_id', 'in', chunk).orderBy('creation_time').orderBy('assessment_id').execute()),
  )
  const map = (pairs: readonly { key: string; value: string }[] | undefined) => Object.fromEntries((pairs ?? []).map(({ key, value }) => [key, value]))
  return rows.map((row) => ({
    trace_id: row.trace_id,
    ...(row.client_request_id === null ? {} : { client_request_id: row.client_request_id }),
    trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: String(row.experiment_id) } },
    ...(row.request_preview === null ? {} : { request_preview: row.request_preview }),
    ...(row.response_preview === null ? {} : { response_preview: row.response_preview }),
    request_time: toTimestamp(row.request_time),
    ...(row.execution_time === null ? {} : { execution_duration: toDuration(row.execution_time) }),
    state: row.state,
    trace_metadata: map(metadata.get(row.trace_id)),
    assessments: (assessments.get(row.trace_id) ?? []).map(presentAssessment),
    tags: map(tags.get(row.trace_id)),
  }))
}

/** mlflow.TraceInfo, the older form. */
export function toV2(info: TraceInfo, row: TraceRow): object {
  const pairs = (map: Readonly<Record<string, string>>) => Object.entries(map).map(([key, value]) => ({ key, value }))
  return {
    request_id: info.trace_id,
    experiment_id: String(row.experiment_id),
    timestamp_ms: row.request_time,
    ...(row.execution_time === null ? {} : { execution_time_ms: row.execution_time }),
    status: row.state === 'STATE_UNSPECIFIED' ? 'TRACE_STATUS_UNSPECIFIED' : row.state,
    request_metadata: pairs(info.trace_metadata),
    tags: pairs(info.tags),
  }
}
