import type { TrainingContext } from '../../context.ts'
import { LIMITS } from '../../mlflow/limits.ts'
import type { Queries } from '../../tables.ts'
import { requireActive } from '../experiments/service.ts'
import { type JsonText, parse } from './any-value.ts'
import { ATTRIBUTE, METADATA, SYSTEM_TAGS, TAG, TRACKING_STORE } from './keys.ts'
import { linkToRun, locationOf } from './service.ts'
import { type Attributes, type Span, milliseconds, mlflowTraceId, textAttribute } from './spans.ts'
import * as store from './store.ts'
import { type Node, tokensOf } from './usage.ts'

const LONGEST_PREVIEW = 1000

/** Stores spans that OTLP brought, all or nothing, and makes what they tell of their traces. Those of traces that are whole are linked to `runId`. */
export async function logSpans(context: TrainingContext, experimentId: string, spans: readonly Span[], runId: string | undefined): Promise<void> {
  const byTrace = [...Map.groupBy(spans, (span) => mlflowTraceId(span.traceId)).entries()].toSorted(([a], [b]) => (a < b ? -1 : 1))
  await context.db.transaction(async (trx) => {
    const experiment = await requireActive(trx, experimentId)
    for (const [traceId, own] of byTrace) {
      await store.insertTrace(trx, {
        trace_id: traceId,
        experiment_id: experiment.experiment_id,
        request_time: Math.min(...own.map(({ startNs }) => milliseconds(startNs))),
        execution_time: null,
        state: 'IN_PROGRESS',
        client_request_id: null,
        request_preview: null,
        response_preview: null,
        finalized: 0,
      })
      const trace = await store.lockTrace(trx, traceId)
      if (trace === undefined) throw new TypeError('a trace that was just made is there')
      await store.putSpans(trx, own)
      await update(trx, trace, own, locationOf(experiment.artifact_location, traceId))
    }
  })
  const complete = byTrace.filter(([, own]) => own.some(({ parentId }) => parentId === null)).map(([traceId]) => traceId)
  if (runId !== undefined) await linkToRun(context, complete, runId)
}

/** What a client has told of the whole trace goes before what its spans tell. */
async function update(trx: Queries, trace: store.TraceRow, own: readonly Span[], location: string): Promise<void> {
  const root = own.find(({ parentId }) => parentId === null)
  const begin = trace.finalized === 1 ? trace.request_time : Math.min(trace.request_time, ...own.map(({ startNs }) => milliseconds(startNs)))
  const ends = own.flatMap(({ endNs }) => (endNs === null ? [] : [milliseconds(endNs)]))
  const end = Math.max(...ends, trace.execution_time === null ? 0 : trace.request_time + trace.execution_time)
  const open = trace.state === 'IN_PROGRESS' || trace.state === 'STATE_UNSPECIFIED'
  await store.updateTrace(trx, trace.trace_id, {
    ...(trace.finalized === 1 ? {} : { request_time: begin, ...(ends.length > 0 ? { execution_time: end - begin } : {}) }),
    ...(open && root !== undefined && root.endNs !== null ? { state: root.status === 'ERROR' ? 'ERROR' : 'OK' } : {}),
    ...(trace.request_preview === null && root !== undefined ? { request_preview: preview(root.attributes[ATTRIBUTE.inputs]) } : {}),
    ...(trace.response_preview === null && root !== undefined ? { response_preview: preview(root.attributes[ATTRIBUTE.outputs]) } : {}),
  })
  await store.putPairs(trx, 'trace_tags', trace.trace_id, {
    ...resourceTags(own),
    ...(root === undefined ? {} : rootTags(root.attributes)),
    [TAG.artifactLocation]: location,
    [TAG.spansLocation]: TRACKING_STORE,
  })
  const before = await store.readPairs(trx, 'trace_metadata', trace.trace_id)
  const told = { ...(await tokens(trx, trace, before)), ...owner(own) }
  await store.putPairs(trx, 'trace_metadata', trace.trace_id, Object.fromEntries(Object.entries(told).filter(([key]) => before[key] === undefined || (key === METADATA.tokenUsage && trace.finalized === 0))))
}

/** Over all spans of the trace, since a parent may come in another request than its children. */
async function tokens(trx: Queries, trace: store.TraceRow, before: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
  if (trace.finalized === 1 && before[METADATA.tokenUsage] !== undefined) return {}
  const nodes = (await store.readSpans(trx, [trace.trace_id])).map((row): Node => ({ ...row, attributes: contentAttributes(row.content) }))
  const used = tokensOf(nodes)
  return used === undefined ? {} : { [METADATA.tokenUsage]: JSON.stringify(used) }
}

function contentAttributes(content: string): Attributes {
  const { attributes }: { readonly attributes: Attributes } = JSON.parse(content)
  return attributes
}

function owner(own: readonly Span[]): Readonly<Record<string, string>> {
  const first = (...keys: readonly string[]) => own.flatMap(({ attributes }) => keys.flatMap((key) => textAttribute(attributes, key) ?? []))[0]
  const session = first(ATTRIBUTE.session, ATTRIBUTE.conversation)
  const user = first(ATTRIBUTE.user)
  return { ...(session ? { [METADATA.session]: session.slice(0, LIMITS.key) } : {}), ...(user ? { [METADATA.user]: user.slice(0, LIMITS.key) } : {}) }
}

/** Attributes of what sent the spans, as tags; the names that are MLflow's or the SDK's own are not for senders to set. */
function resourceTags(own: readonly Span[]): Readonly<Record<string, string>> {
  const resource = own.find(({ resource: given }) => Object.keys(given).length > 0)?.resource ?? {}
  return fit(Object.entries(resource).filter(([key]) => !/^(telemetry\.sdk\.|mlflow\.)/.test(key)))
}

/** Tags that a client gave the trace ride on its root span. */
function rootTags(attributes: Attributes): Readonly<Record<string, string>> {
  const tags = Object.entries(attributes).filter(([key]) => key.startsWith(ATTRIBUTE.tagPrefix))
  return fit(tags.map(([key, text]) => [key.slice(ATTRIBUTE.tagPrefix.length), text] as const).filter(([key]) => !SYSTEM_TAGS.includes(key)))
}

function fit(pairs: readonly (readonly [string, JsonText])[]): Readonly<Record<string, string>> {
  return Object.fromEntries(pairs.filter(([key]) => key !== '' && key.length <= LIMITS.key).map(([key, text]) => [key, plain(text).slice(0, LIMITS.tagValue)]))
}

/** A text without its quotes; anything else as it is. */
function plain(text: JsonText): string {
  const value = parse(text)
  return typeof value === 'string' ? value : text
}

function preview(text: JsonText | undefined): string | null {
  if (text === undefined) return null
  const shown = plain(text)
  return shown.length <= LONGEST_PREVIEW ? shown : `${shown.slice(0, LONGEST_PREVIEW - 3)}...`
}
