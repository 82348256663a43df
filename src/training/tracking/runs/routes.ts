import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Static } from 'typebox'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { RUN_STATUS, VIEW_TYPE, enumName, toDouble, toInteger, toKeyValues } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { pageSize } from '../../search/index.ts'
import { parseExperimentId } from '../experiments/service.ts'
import { RunDocuments } from './documents.ts'
import { Histories } from './history.ts'
import type { MetricPoint } from './metrics.ts'
import * as schema from './schema.ts'
import { pageOf, searchRuns } from './search.ts'
import * as service from './service.ts'
import { RunWriter } from './writer.ts'

const STANDARD_PAGE = 1000
const LARGEST_PAGE = 50_000
const MOST_RUNS_OF_HISTORY = 100
const LARGEST_HISTORY = 25_000

const JSON_TYPE = 'application/json; charset=utf-8'

export function runEndpoints(training: TrainingContext): readonly Endpoint[] {
  const { db } = training
  const context: service.RunsContext = { ...training, writer: new RunWriter(db), documents: new RunDocuments(db), histories: new Histories(db) }
  const path = (name: string) => `/2.0/mlflow/runs/${name}`
  return [
    endpoint('POST', path('create'), schema.createRun, async ({ experiment_id, user_id, run_name, start_time, tags }) => ({
      run: await service.createRun(context, {
        experimentId: experiment_id ?? '0',
        userId: user_id ?? '',
        name: run_name,
        startTime: start_time === undefined ? undefined : toInteger(start_time, 'start_time'),
        tags: toKeyValues(tags),
      }),
    })),
    endpoint('GET', path('get'), schema.runId, async (input, _request, reply) => sendJson(reply, `{"run":${await service.getRun(context, runIdOf(input))}}`)),
    endpoint('POST', path('update'), schema.updateRun, async (input) => ({
      run_info: await service.updateRun(context, runIdOf(input), {
        status: input.status === undefined ? undefined : enumName(RUN_STATUS, input.status),
        endTime: input.end_time === undefined ? undefined : toInteger(input.end_time, 'end_time'),
        name: input.run_name,
      }),
    })),
    endpoint('POST', path('delete'), schema.runId, async (input) => {
      await service.setRunLifecycle(context, runIdOf(input), 'deleted')
      return {}
    }),
    endpoint('POST', path('restore'), schema.runId, async (input) => {
      await service.setRunLifecycle(context, runIdOf(input), 'active')
      return {}
    }),
    endpoint('POST', path('search'), schema.searchRuns, async (input, _request, reply) => {
      const { ids, next } = await searchRuns(context, {
        experimentIds: (input.experiment_ids ?? []).map(parseExperimentId),
        filter: input.filter,
        orderBy: input.order_by,
        view: enumName(VIEW_TYPE, input.run_view_type ?? 'ACTIVE_ONLY'),
        limit: pageSize(input.max_results === undefined ? undefined : toInteger(input.max_results, 'max_results'), STANDARD_PAGE, LARGEST_PAGE),
        token: input.page_token,
      })
      return sendJson(reply, await pageOf(context, ids, next))
    }),
    ...loggingEndpoints(context, path),
    ...historyEndpoints(context),
  ]
}

function loggingEndpoints(context: service.RunsContext, path: (name: string) => string): readonly Endpoint[] {
  const nothing = { metrics: [], params: [], tags: [] }
  return [
    endpoint('POST', path('log-metric'), schema.logMetric, async (input) => {
      await service.logBatch(context, { runId: runIdOf(input), ...nothing, metrics: [toPoint(input)] })
      return {}
    }),
    endpoint('POST', path('log-parameter'), schema.logParam, async (input) => {
      await service.logBatch(context, { runId: runIdOf(input), ...nothing, params: [{ key: input.key, value: input.value ?? '' }] })
      return {}
    }),
    endpoint('POST', path('set-tag'), schema.setTag, async (input) => {
      await service.logBatch(context, { runId: runIdOf(input), ...nothing, tags: [{ key: input.key, value: input.value ?? '' }] })
      return {}
    }),
    endpoint('POST', path('delete-tag'), schema.deleteTag, async (input) => {
      await service.deleteTag(context, runIdOf(input), input.key)
      return {}
    }),
    endpoint('POST', path('log-batch'), schema.logBatch, async ({ run_id, metrics, params, tags }) => {
      await service.logBatch(context, {
        runId: run_id,
        metrics: (metrics ?? []).map(toPoint),
        params: (params ?? []).map(({ key, value }) => ({ key, value: value ?? '' })),
        tags: toKeyValues(tags),
      })
      return {}
    }),
    endpoint('POST', path('log-model'), schema.logModel, async ({ run_id, model_json }) => {
      await service.logModelHistory(context, run_id, model_json)
      return {}
    }),
    endpoint('POST', path('log-inputs'), schema.logInputs, async ({ run_id, datasets, models }) => {
      const uses = (datasets ?? []).map(({ dataset, tags }) => ({
        tags: toKeyValues(tags),
        dataset: { ...dataset, source_type: dataset.source_type ?? '', source: dataset.source ?? '' },
      }))
      await service.logInputs(context, run_id, uses, (models ?? []).map(({ model_id }) => model_id))
      return {}
    }),
    endpoint('POST', path('outputs'), schema.logOutputs, async ({ run_id, models }) => {
      await service.logOutputs(context, run_id, (models ?? []).map(({ model_id, step }) => ({ modelId: model_id, step: step === undefined ? 0 : toInteger(step, 'step') })))
      return {}
    }),
  ]
}

function historyEndpoints({ histories }: service.RunsContext): readonly Endpoint[] {
  const maximum = (given: number | string | undefined) =>
    given === undefined ? undefined : Math.min(pageSize(toInteger(given, 'max_results'), 1, Number.MAX_SAFE_INTEGER), LARGEST_HISTORY)
  return [
    endpoint('GET', '/2.0/mlflow/metrics/get-history', schema.metricHistory, async (input, _request, reply) => {
      const runId = runIdOf(input)
      service.checkRunId(runId)
      return sendJson(reply, await histories.answer({ runId, key: input.metric_key, limit: maximum(input.max_results), token: input.page_token }))
    }),
    endpoint('GET', '/2.0/mlflow/metrics/get-history-bulk', schema.metricHistoryBulk, async ({ run_id, metric_key, max_results }, _request, reply) => {
      if (run_id.length > MOST_RUNS_OF_HISTORY) throw invalid(`GetMetricHistoryBulk request cannot specify more than ${MOST_RUNS_OF_HISTORY} run_ids. Received ${run_id.length} run_ids.`)
      return sendJson(reply, await histories.bulk(run_id.toSorted(), metric_key, maximum(max_results) ?? LARGEST_HISTORY))
    }),
  ]
}

/** What is JSON already goes out as it is; what comes in parts, part by part. */
function sendJson(reply: FastifyReply, json: string | AsyncIterable<string>): FastifyReply {
  return reply.type(JSON_TYPE).send(typeof json === 'string' ? encoded(json) : Readable.from(json, { objectMode: false }))
}

function runIdOf({ run_id, run_uuid }: { readonly run_id?: string; readonly run_uuid?: string }): string {
  const id = run_id || run_uuid
  if (!id) throw invalid("Missing value for required parameter 'run_id'.")
  return id
}

function toPoint(metric: Static<typeof schema.metric>): MetricPoint {
  return {
    key: metric.key,
    value: toDouble(metric.value),
    timestamp: toInteger(metric.timestamp, 'timestamp'),
    step: metric.step === undefined ? 0 : toInteger(metric.step, 'step'),
    ...(metric.model_id ? { modelId: metric.model_id } : {}),
    ...(metric.dataset_name ? { datasetName: metric.dataset_name } : {}),
    ...(metric.dataset_digest ? { datasetDigest: metric.dataset_digest } : {}),
  }
}

/** ASCII, as nearly all answers are, is copied as Latin-1, which gives the same bytes at a fraction of the cost. */
function encoded(json: string): Buffer {
  return Buffer.from(json, Buffer.byteLength(json) === json.length ? 'latin1' : 'utf8')
}
