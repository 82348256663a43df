import Type from 'typebox'
import { RUN_STATUS, VIEW_TYPE, double, enumeration, int64, keyValue, keyValues, text } from '../../mlflow/fields.ts'

/** Old clients say run_uuid. */
const run = { run_id: Type.Optional(text), run_uuid: Type.Optional(text) }

export const metric = Type.Object({
  key: text,
  value: double,
  timestamp: int64,
  step: Type.Optional(int64),
  model_id: Type.Optional(text),
  dataset_name: Type.Optional(text),
  dataset_digest: Type.Optional(text),
})

export const createRun = Type.Object({
  experiment_id: Type.Optional(text),
  user_id: Type.Optional(text),
  run_name: Type.Optional(text),
  start_time: Type.Optional(int64),
  tags: keyValues,
})
export const runId = Type.Object(run)
export const updateRun = Type.Object({ ...run, status: Type.Optional(enumeration(RUN_STATUS)), end_time: Type.Optional(int64), run_name: Type.Optional(text) })
export const logMetric = Type.Object({ ...run, ...metric.properties })
export const logParam = Type.Object({ ...run, key: text, value: Type.Optional(text) })
export const setTag = Type.Object({ ...run, key: text, value: Type.Optional(text) })
export const deleteTag = Type.Object({ ...run, key: text })
export const logBatch = Type.Object({
  run_id: text,
  metrics: Type.Optional(Type.Array(metric)),
  params: Type.Optional(Type.Array(keyValue)),
  tags: keyValues,
})
export const searchRuns = Type.Object({
  experiment_ids: Type.Optional(Type.Array(text)),
  filter: Type.Optional(text),
  run_view_type: Type.Optional(enumeration(VIEW_TYPE)),
  max_results: Type.Optional(int64),
  order_by: Type.Optional(Type.Array(text)),
  page_token: Type.Optional(text),
})
export const metricHistory = Type.Object({ ...run, metric_key: text, max_results: Type.Optional(int64), page_token: Type.Optional(text) })
export const metricHistoryBulk = Type.Object({ run_id: Type.Array(text), metric_key: text, max_results: Type.Optional(int64) })
export const logInputs = Type.Object({
  run_id: text,
  datasets: Type.Optional(
    Type.Array(
      Type.Object({
        tags: keyValues,
        dataset: Type.Object({
          name: text,
          digest: text,
          source_type: Type.Optional(text),
          source: Type.Optional(text),
          schema: Type.Optional(text),
          profile: Type.Optional(text),
        }),
      }),
    ),
  ),
  models: Type.Optional(Type.Array(Type.Object({ model_id: text }))),
})
export const logOutputs = Type.Object({ run_id: text, models: Type.Optional(Type.Array(Type.Object({ model_id: text, step: Type.Optional(int64) }))) })
export const logModel = Type.Object({ run_id: text, model_json: text })
