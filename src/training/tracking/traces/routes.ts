import type { Static } from 'typebox'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { enumName, toInteger, toKeyValues } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { pageSize } from '../../search/index.ts'
import { parseExperimentId } from '../experiments/service.ts'
import * as assessments from './assessments/service.ts'
import { correlate } from './correlation.ts'
import { sendTraceFile } from './files.ts'
import { traceMetricEndpoints } from './metrics/routes.ts'
import { presentTraces, toV2 } from './present.ts'
import * as schema from './schema.ts'
import { searchTraces } from './search.ts'
import * as service from './service.ts'
import { presentSpan } from './spans.ts'

const STANDARD_PAGE = 100
const LARGEST_PAGE = 500
const V3 = '/3.0/mlflow/traces'
const V2 = '/2.0/mlflow/traces'

export function traceEndpoints(context: TrainingContext): readonly Endpoint[] {
  return [
    endpoint('POST', V3, schema.startTrace, async ({ trace }) => ({ trace: { trace_info: await service.startTrace(context, trace.trace_info) } })),
    endpoint('GET', `${V3}/get`, schema.getTrace, async ({ trace_id, allow_partial }) => ({ trace: whole(await service.getTrace(context, trace_id, allow_partial ?? false)) })),
    endpoint('GET', `${V3}/batchGet`, schema.batchGet, async ({ trace_ids, experiment_ids }) => ({
      traces: (await service.getTraces(context, trace_ids, experiment_ids, false)).map(whole),
    })),
    endpoint('POST', `${V3}/batchGetInfos`, schema.batchGet, async ({ trace_ids, experiment_ids }) => ({ trace_infos: await service.getInfos(context, trace_ids, experiment_ids) })),
    endpoint('POST', `${V3}/search`, schema.searchTraces, async ({ locations, ...input }) => {
      const experimentIds = locations.flatMap(({ mlflow_experiment }) => mlflow_experiment?.experiment_id ?? [])
      const { rows, next } = await searchTraces(context.db.kysely, toSearch({ ...input, experiment_ids: experimentIds }))
      return { traces: await presentTraces(context.db.kysely, rows), ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    endpoint('POST', `${V3}/calculate-filter-correlation`, schema.correlation, async ({ experiment_ids, filter_string1, filter_string2, base_filter }) => {
      if (experiment_ids.length === 0) throw invalid("Missing value for required parameter 'experiment_ids'.")
      return correlate(context.db.kysely, experiment_ids.map(parseExperimentId), [filter_string1, filter_string2], base_filter)
    }),
    endpoint('GET', `${V3}/:trace_id`, schema.traceId, async ({ trace_id }) => ({ trace: { trace_info: await service.getTraceInfo(context, trace_id) } })),
    ...[`${V3}/delete-traces`, `${V2}/delete-traces`].map((path) => endpoint('POST', path, schema.deleteTraces, async (input) => ({ traces_deleted: await service.deleteTraces(context, toDeletion(input)) }))),
    endpoint('PATCH', `${V3}/:trace_id/tags`, schema.setTag, async ({ trace_id, key, value }) => {
      await service.setTag(context, trace_id, key, value ?? '')
      return {}
    }),
    endpoint('DELETE', `${V3}/:trace_id/tags`, schema.deleteTag, async ({ trace_id, key }) => {
      await service.deleteTag(context, trace_id, key)
      return {}
    }),
    ...assessmentEndpoints(context),
    ...traceMetricEndpoints(context),
    ...olderEndpoints(context),
    ...['/2.0/mlflow/get-trace-artifact', '/3.0/mlflow/get-trace-artifact'].map((path) =>
      endpoint('GET', path, schema.traceFile, async ({ request_id, path: file }, _request, reply) => {
        if (!request_id) throw invalid('Request must include the "request_id" query parameter.')
        return sendTraceFile(context, reply, request_id, file)
      }),
    ),
  ]
}

function assessmentEndpoints(context: TrainingContext): readonly Endpoint[] {
  const all = `${V3}/:trace_id/assessments`
  const one = `${all}/:assessment_id`
  return [
    endpoint('POST', all, schema.createAssessment, async ({ trace_id, assessment }) => ({ assessment: await assessments.createAssessment(context, trace_id, assessment) })),
    endpoint('GET', one, schema.assessmentId, async ({ trace_id, assessment_id }) => ({ assessment: await assessments.getAssessment(context, trace_id, assessment_id) })),
    endpoint('PATCH', one, schema.updateAssessment, async ({ trace_id, assessment_id, assessment, update_mask }) => ({
      assessment: await assessments.updateAssessment(context, trace_id, assessment_id, assessment, update_mask),
    })),
    endpoint('DELETE', one, schema.assessmentId, async ({ trace_id, assessment_id }) => {
      await assessments.deleteAssessment(context, trace_id, assessment_id)
      return {}
    }),
  ]
}

/** MLflow 2's, and what MLflow 3's client still calls under /2.0. */
function olderEndpoints(context: TrainingContext): readonly Endpoint[] {
  const older = (given: { readonly timestamp_ms: number | string; readonly request_metadata?: Pairs; readonly tags?: Pairs }): service.OlderTrace => ({
    time: toInteger(given.timestamp_ms, 'timestamp_ms'),
    metadata: toMap(given.request_metadata),
    tags: toMap(given.tags),
  })
  return [
    endpoint('POST', V2, schema.startTraceV2, async (input) => ({ trace_info: await service.startTraceV2(context, input.experiment_id, older(input)) })),
    endpoint('GET', V2, schema.searchTracesV2, async (input) => {
      const { rows, next } = await searchTraces(context.db.kysely, toSearch(input))
      const infos = await presentTraces(context.db.kysely, rows)
      const traces = infos.flatMap((info, i) => (rows[i] === undefined ? [] : [toV2(info, rows[i])]))
      return { traces, ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    endpoint('PATCH', `${V2}/:request_id`, schema.endTraceV2, async (input) => {
      const status = enumName(schema.TRACE_STATUS, input.status)
      return { trace_info: await service.endTraceV2(context, input.request_id, status === 'TRACE_STATUS_UNSPECIFIED' ? 'STATE_UNSPECIFIED' : status, older(input)) }
    }),
    endpoint('GET', `${V2}/:request_id/info`, schema.requestId, async ({ request_id }) => ({ trace_info: await service.getTraceV2(context, request_id) })),
    endpoint('PATCH', `${V2}/:request_id/tags`, schema.setTagV2, async ({ request_id, key, value }) => {
      await service.setTag(context, request_id, key, value ?? '')
      return {}
    }),
    endpoint('DELETE', `${V2}/:request_id/tags`, schema.deleteTagV2, async ({ request_id, key }) => {
      await service.deleteTag(context, request_id, key)
      return {}
    }),
    endpoint('POST', `${V2}/link-to-run`, schema.linkToRun, async ({ trace_ids, run_id }) => {
      await service.linkToRun(context, trace_ids, run_id)
      return {}
    }),
    endpoint('POST', `${V2}/link-prompts`, schema.linkPrompts, async ({ trace_id, prompt_versions }) => {
      await service.linkPrompts(context, trace_id, prompt_versions.map(({ name, version }) => ({ name, version: String(version) })))
      return {}
    }),
  ]
}

type Pairs = Parameters<typeof toKeyValues>[0]

function toMap(pairs: Pairs | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(toKeyValues(pairs).map(({ key, value }) => [key, value]))
}

function whole({ info, spans }: service.WholeTrace): object {
  return { trace_info: info, spans: spans.map(presentSpan) }
}

function toSearch({ experiment_ids, filter, max_results, order_by, page_token }: Static<typeof schema.searchTracesV2>) {
  return {
    experimentIds: experiment_ids.map(parseExperimentId),
    filter,
    orderBy: order_by ?? [],
    limit: pageSize(max_results === undefined ? undefined : toInteger(max_results, 'max_results'), STANDARD_PAGE, LARGEST_PAGE),
    token: page_token,
  }
}

function toDeletion({ experiment_id, max_timestamp_millis, max_traces, request_ids }: Static<typeof schema.deleteTraces>): service.Deletion {
  return {
    experimentId: experiment_id,
    before: max_timestamp_millis === undefined ? undefined : toInteger(max_timestamp_millis, 'max_timestamp_millis'),
    limit: max_traces === undefined ? undefined : toInteger(max_traces, 'max_traces'),
    traceIds: request_ids ?? [],
  }
}
