import type { Static } from 'typebox'
import { MillraceError } from '../../../platform/errors/index.ts'
import { hexId } from '../../../platform/ids/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { LIMITS, checkKey, checkLength } from '../../mlflow/limits.ts'
import { enumName } from '../../mlflow/fields.ts'
import type { Queries } from '../../tables.ts'
import { keyOf } from '../artifacts/uri.ts'
import { parseExperimentId, requireActive } from '../experiments/service.ts'
import { requireRun } from '../runs/service.ts'
import { insertAssessment, toRow } from './assessments/service.ts'
import { METADATA, SYSTEM_TAGS, TAG } from './keys.ts'
import { type TraceInfo, presentTraces, toV2 } from './present.ts'
import { TRACE_STATE, type startTrace as startSchema } from './schema.ts'
import { type SpanRow, type TraceRow, checkTraceId, requireTrace } from './store.ts'
import * as store from './store.ts'
import { fromDuration, fromTimestamp } from './time.ts'

type TraceInput = Static<typeof startSchema>['trace']['trace_info']
type Pairs = Readonly<Record<string, string>>

const LONGEST_METADATA = 8000
const LONGEST_PREVIEW = 10_000
const MOST_LINKS = 100
/** Of ids in one request. */
const MOST_TRACES = 1000

/** What a client says of a whole trace at its end. Spans of it may have come before, and stay. */
export async function startTrace({ db, clock }: TrainingContext, input: TraceInput): Promise<TraceInfo> {
  const { trace_id: traceId } = input
  checkTraceId(traceId)
  const experimentId = input.trace_location.mlflow_experiment?.experiment_id
  if (experimentId === undefined) throw invalid("Missing value for required parameter 'trace.trace_info.trace_location.mlflow_experiment'.")
  const now = clock.wall().getTime()
  const told = {
    request_time: fromTimestamp(input.request_time, 'trace.trace_info.request_time'),
    execution_time: input.execution_duration === undefined ? null : fromDuration(input.execution_duration, 'trace.trace_info.execution_duration'),
    state: enumName(TRACE_STATE, input.state ?? 'STATE_UNSPECIFIED'),
    client_request_id: input.client_request_id ?? null,
  }
  const previews = {
    ...(input.request_preview === undefined ? {} : { request_preview: input.request_preview.slice(0, LONGEST_PREVIEW) }),
    ...(input.response_preview === undefined ? {} : { response_preview: input.response_preview.slice(0, LONGEST_PREVIEW) }),
  }
  const assessments = (input.assessments ?? []).map((one) => toRow(traceId, one, now))
  return db.transaction(async (trx) => {
    const experiment = await requireActive(trx, experimentId)
    const experiment_id = experiment.experiment_id
    const isNew = await store.insertTrace(trx, { trace_id: traceId, experiment_id, ...told, request_preview: null, response_preview: null, ...previews, finalized: 1 })
    if (!isNew) {
      await store.lockTrace(trx, traceId)
      await store.updateTrace(trx, traceId, { experiment_id, ...told, ...previews, finalized: 1 })
    }
    await store.putPairs(trx, 'trace_tags', traceId, { ...fitTags(input.tags ?? {}), [TAG.artifactLocation]: locationOf(experiment.artifact_location, traceId) })
    await store.putPairs(trx, 'trace_metadata', traceId, fitMetadata(input.trace_metadata ?? {}))
    for (const one of assessments) await insertAssessment(trx, one)
    return presentOne(trx, traceId)
  })
}

export function locationOf(experimentLocation: string, traceId: string): string {
  return `${experimentLocation}/traces/${traceId}/artifacts`
}

export async function getTraceInfo({ db }: TrainingContext, traceId: string): Promise<TraceInfo> {
  await requireTrace(db.kysely, traceId)
  return presentOne(db.kysely, traceId)
}

export interface WholeTrace {
  readonly info: TraceInfo
  readonly spans: readonly SpanRow[]
}

/** Without those that are not there, whose spans are elsewhere, or, unless `partial`, have not all come yet. */
export async function getTraces({ db }: TrainingContext, traceIds: readonly string[], experimentIds: readonly string[] | undefined, partial: boolean): Promise<readonly WholeTrace[]> {
  if (traceIds.length > MOST_TRACES) throw invalid(`at most ${MOST_TRACES} trace_ids; received ${traceIds.length}`)
  const rows = await store.findTraces(db.kysely, traceIds, experimentIds?.map(parseExperimentId))
  const infos = await presentTraces(db.kysely, rows)
  const spans = Map.groupBy(await store.readSpans(db.kysely, rows.map((row) => row.trace_id)), (span) => span.trace_id)
  const whole = infos.map((info) => ({ info, spans: spans.get(info.trace_id) ?? [] }))
  return partial ? whole : whole.filter(isComplete)
}

/** Clients tell how many spans a trace has. */
function isComplete({ info, spans }: WholeTrace): boolean {
  const stats = info.trace_metadata[METADATA.sizeStats]
  return spans.length > 0 && spans.length >= (stats === undefined ? 0 : spanCount(stats))
}

function spanCount(stats: string): number {
  try {
    const value: unknown = JSON.parse(stats)
    const count: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'num_spans') : undefined
    return typeof count === 'number' ? count : 0
  } catch (error) {
    if (error instanceof SyntaxError) return 0
    throw error
  }
}

export async function getTrace(context: TrainingContext, traceId: string, partial: boolean): Promise<WholeTrace> {
  await requireTrace(context.db.kysely, traceId)
  const [whole] = await getTraces(context, [traceId], undefined, partial)
  if (whole === undefined) throw new MillraceError('NOT_FOUND', `Trace with ID ${traceId} is not fully exported yet, please try again later.`)
  return whole
}

export async function getInfos({ db }: TrainingContext, traceIds: readonly string[], experimentIds: readonly string[] | undefined): Promise<readonly TraceInfo[]> {
  if (traceIds.length > MOST_TRACES) throw invalid(`at most ${MOST_TRACES} trace_ids; received ${traceIds.length}`)
  return presentTraces(db.kysely, await store.findTraces(db.kysely, traceIds, experimentIds?.map(parseExperimentId)))
}

export async function setTag({ db }: TrainingContext, traceId: string, key: string, value: string): Promise<void> {
  if (SYSTEM_TAGS.includes(key)) throw invalid(`Tag '${key}' is immutable and cannot be set on a trace.`)
  checkKey(key, 'key')
  await db.transaction(async (trx) => {
    await requireTrace(trx, traceId)
    await store.putPairs(trx, 'trace_tags', traceId, { [key]: value.slice(0, LIMITS.tagValue) })
  })
}

export async function deleteTag({ db }: TrainingContext, traceId: string, key: string): Promise<void> {
  if (SYSTEM_TAGS.includes(key)) throw invalid(`Tag '${key}' is immutable and cannot be deleted on a trace.`)
  await db.transaction(async (trx) => {
    await requireTrace(trx, traceId)
    if (!(await store.deleteTag(trx, traceId, key))) throw new MillraceError('NOT_FOUND', `No trace tag with key '${key}' for trace with ID '${traceId}'`)
  })
}

export interface Deletion {
  readonly experimentId: string
  readonly before: number | undefined
  readonly limit: number | undefined
  readonly traceIds: readonly string[]
}

/** How many were deleted; their files go too, where they are with the server. */
export async function deleteTraces({ db, blobs }: TrainingContext, { experimentId, before, limit, traceIds }: Deletion): Promise<number> {
  if (before === undefined && traceIds.length === 0) throw invalid('Either `max_timestamp_millis` or `trace_ids` must be specified.')
  if (before !== undefined && traceIds.length > 0) throw invalid('Only one of `max_timestamp_millis` and `trace_ids` can be specified.')
  if (limit !== undefined && traceIds.length > 0) throw invalid("`max_traces` can't be specified if `trace_ids` is specified.")
  if (limit !== undefined && limit <= 0) throw invalid(`\`max_traces\` must be a positive integer, received ${limit}.`)
  if (traceIds.length > MOST_TRACES) throw invalid(`at most ${MOST_TRACES} request_ids; received ${traceIds.length}`)
  const folders = await db.transaction(async (trx) => {
    const ids = await store.selectTraces(trx, { experimentId: parseExperimentId(experimentId), before, limit, traceIds })
    const kept: (string | undefined)[] = []
    for (const id of ids) kept.push((await store.readPairs(trx, 'trace_tags', id))[TAG.artifactLocation])
    await store.deleteTraces(trx, ids)
    return kept
  })
  for (const folder of folders) {
    const key = folder === undefined ? undefined : keyOf(folder)
    if (key !== undefined) await blobs.delete(key)
  }
  return folders.length
}

/** Traces that are not there are passed over, as in MLflow. */
export async function linkToRun({ db }: TrainingContext, traceIds: readonly string[], runId: string): Promise<void> {
  if (traceIds.length > MOST_LINKS) throw invalid(`Cannot link more than ${MOST_LINKS} traces to a run in a single request. Provided ${traceIds.length} traces.`)
  await db.transaction(async (trx) => {
    await requireRun(trx, runId)
    const known = await store.findTraces(trx, [...new Set(traceIds)].toSorted(), undefined)
    await store.linkRun(trx, known.map((row) => row.trace_id), runId)
  })
}

export async function linkPrompts({ db }: TrainingContext, traceId: string, prompts: readonly { readonly name: string; readonly version: string }[]): Promise<void> {
  await db.transaction(async (trx) => {
    await requireTrace(trx, traceId)
    await store.linkPrompts(trx, traceId, prompts)
  })
}

export interface OlderTrace {
  readonly time: number
  readonly metadata: Pairs
  readonly tags: Pairs
}

export async function startTraceV2({ db }: TrainingContext, experimentId: string, { time, metadata, tags }: OlderTrace): Promise<object> {
  const traceId = hexId()
  return db.transaction(async (trx) => {
    const experiment = await requireActive(trx, experimentId)
    await store.insertTrace(trx, {
      trace_id: traceId,
      experiment_id: experiment.experiment_id,
      request_time: time,
      execution_time: null,
      state: 'IN_PROGRESS',
      client_request_id: null,
      request_preview: null,
      response_preview: null,
      finalized: 1,
    })
    await store.putPairs(trx, 'trace_tags', traceId, { ...fitTags(tags), [TAG.artifactLocation]: locationOf(experiment.artifact_location, traceId) })
    await store.putPairs(trx, 'trace_metadata', traceId, fitMetadata(metadata))
    return presentV2(trx, traceId)
  })
}

export async function endTraceV2({ db }: TrainingContext, traceId: string, state: TraceRow['state'], { time, metadata, tags }: OlderTrace): Promise<object> {
  return db.transaction(async (trx) => {
    const row = await requireTrace(trx, traceId)
    await store.updateTrace(trx, traceId, { state, execution_time: time - row.request_time })
    await store.putPairs(trx, 'trace_tags', traceId, fitTags(tags))
    await store.putPairs(trx, 'trace_metadata', traceId, fitMetadata(metadata))
    return presentV2(trx, traceId)
  })
}

export async function getTraceV2({ db }: TrainingContext, traceId: string): Promise<object> {
  await requireTrace(db.kysely, traceId)
  return presentV2(db.kysely, traceId)
}

async function presentOne(db: Queries, traceId: string): Promise<TraceInfo> {
  const [info] = await presentTraces(db, [await requireTrace(db, traceId)])
  if (info === undefined) throw new TypeError('one row in, one trace out')
  return info
}

async function presentV2(db: Queries, traceId: string): Promise<object> {
  return toV2(await presentOne(db, traceId), await requireTrace(db, traceId))
}

/** What is too long is cut, and what only the server says is left out. */
function fitTags(tags: Pairs): Pairs {
  const fit: Record<string, string> = {}
  for (const [key, value] of Object.entries(tags)) {
    checkLength(key, LIMITS.key, 'tags')
    if (!SYSTEM_TAGS.includes(key)) fit[key] = value.slice(0, LIMITS.tagValue)
  }
  return fit
}

function fitMetadata(metadata: Pairs): Pairs {
  for (const key of Object.keys(metadata)) checkLength(key, LIMITS.key, 'trace_metadata')
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, value.slice(0, LONGEST_METADATA)]))
}
