import type { ServiceUnderTest } from '../../testing.ts'

const invalid = { error_code: 'INVALID_PARAMETER_VALUE' }
const missing = { error_code: 'RESOURCE_DOES_NOT_EXIST' }
const V3 = '/api/3.0/mlflow/traces'
const A = 'tr-0000000000000000000000000000000a'
const B = 'tr-0000000000000000000000000000000b'

export function traceStories({ story }: ServiceUnderTest): void {
  const info = (id: string, change: object = {}) => ({
    trace: { trace_info: { trace_id: id, trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } }, request_time: '2026-01-01T00:00:01.500123Z', execution_duration: '0.250s', state: 'OK', ...change } },
  })
  const span = (change: object) => ({ traceId: A.slice(3), name: 'work', startTimeUnixNano: '1767225601500000000', endTimeUnixNano: '1767225601750000000', ...change })
  const otlp = (...spans: readonly object[]) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  const ofExperiment = { 'content-type': 'application/json', 'x-mlflow-experiment-id': '0' }
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
  story([
    { does: 'spans come before their trace', request: 'POST /v1/traces', headers: ofExperiment, body: otlp(span({ spanId: '00000000000000a2', parentSpanId: '00000000000000a1', name: 'leaf', attributes: [text('mlflow.spanType', 'TOOL'), text('city', 'Zürich "100%"')] })) },
    { does: 'and make it, as one that goes on', request: `GET ${V3}/${A}`, holds: { trace: { trace_info: { state: 'IN_PROGRESS', request_time: '2026-01-01T00:00:01.500Z' } } } },
    { does: 'its root ends it, and tells what went in and came out', request: 'POST /v1/traces', headers: ofExperiment, body: otlp(span({ spanId: '00000000000000a1', attributes: [text('mlflow.spanInputs', '{"q": 1}'), text('mlflow.spanOutputs', '"fine"'), text('session.id', 's1'), { key: 'mlflow.traceTag.team', value: { stringValue: 'a' } }], status: { code: 1 } })) },
    { does: 'as is seen', request: `GET ${V3}/${A}`, holds: { trace: { trace_info: { state: 'OK', request_time: '2026-01-01T00:00:01.500Z', execution_duration: '0.250s', request_preview: '{"q": 1}', response_preview: '"fine"', tags: { team: 'a' } } } } },
    { does: 'a client tells of the whole trace', request: `POST ${V3}`, body: info(A, { client_request_id: 'c1', tags: { 'mlflow.traceName': 'first', team: 'b' }, trace_metadata: { n: '1' } }), holds: { trace: { trace_info: { client_request_id: 'c1', request_time: '2026-01-01T00:00:01.500Z', execution_duration: '0.250s', tags: { team: 'b' }, trace_metadata: { n: '1' } } } } },
    { does: 'another failed', request: `POST ${V3}`, body: info(B, { state: 2, request_time: '2026-01-02T00:00:00Z', tags: { 'mlflow.traceName': 'second' }, assessments: [{ assessment_name: 'quality', feedback: { value: 2 }, source: { source_type: 'HUMAN', source_id: 'ada' } }] }), holds: { trace: { trace_info: { state: 'ERROR', assessments: [{ assessment_name: 'quality', trace_id: B, valid: true }] } } } },
    { does: 'a trace comes with its spans, the root first, in protobuf\'s JSON', request: `GET ${V3}/get?trace_id=${A}`, holds: { trace: { spans: [
      { name: 'work', span_id: 'AAAAAAAAAKE=', trace_id: 'AAAAAAAAAAAAAAAAAAAACg==', start_time_unix_nano: '1767225601500000000', status: { code: 'STATUS_CODE_OK' } },
      { name: 'leaf', parent_span_id: 'AAAAAAAAAKE=', attributes: [{ key: 'mlflow.spanType' }, { key: 'city', value: { string_value: 'Zürich "100%"' } }] },
    ] } } },
    { does: 'several at once, without those that have no spans', request: `GET ${V3}/batchGet?trace_ids=${B}&trace_ids=${A}`, holds: { traces: [{ trace_info: { trace_id: A } }] } },
    { does: 'or only what is said of them', request: `POST ${V3}/batchGetInfos`, body: { trace_ids: [B, A, 'tr-none'] }, holds: { trace_infos: [{ trace_id: B }, { trace_id: A }] } },
    { does: 'one whose spans have not all come is not there yet', request: `GET ${V3}/get?trace_id=${B}`, status: 404, holds: missing },
    { does: 'but for those who take a part', request: `GET ${V3}/get?trace_id=${B}&allow_partial=True`, holds: { trace: { spans: [] } } },
    { does: 'its file holds exact times', request: `GET /ajax-api/2.0/mlflow/get-trace-artifact?request_id=${A}`, holds: { spans: [{ name: 'work', start_time_unix_nano: 1767225601500000000 }, { name: 'leaf' }] } },
    { does: 'attachments stay below their folder', request: `GET /ajax-api/2.0/mlflow/get-trace-artifact?request_id=${A}&path=../traces.json`, status: 400, holds: invalid },
    { does: 'one that is not there is 404', request: `GET ${V3}/tr-none`, status: 404, holds: missing },
    { does: 'an id that could be a path is refused', request: `POST ${V3}`, body: info('../x'), status: 400, holds: invalid },
    { does: 'a time that is none is refused', request: `POST ${V3}`, body: info('tr-c', { request_time: 'now' }), status: 400, holds: invalid },
    { does: 'spans without an id are refused', request: 'POST /v1/traces', headers: ofExperiment, body: otlp(span({ spanId: '' })), status: 400, holds: invalid },
    { does: 'spans for no experiment are refused', request: 'POST /v1/traces', headers: { 'content-type': 'application/json' }, body: otlp(span({ spanId: '00000000000000a1' })), status: 400, holds: invalid },
    { does: 'spans for an experiment that is not there too', request: 'POST /v1/traces', headers: { ...ofExperiment, 'x-mlflow-experiment-id': '99' }, body: otlp(span({ spanId: '00000000000000a1' })), status: 404, holds: missing },
    { does: 'what is no OTLP is refused', request: 'POST /v1/traces', headers: { ...ofExperiment, 'content-type': 'text/plain' }, body: {}, status: 400, holds: invalid },
    { does: 'a tag is set', request: `PATCH ${V3}/${A}/tags`, body: { key: 'kind', value: 'x' } },
    { does: 'in the older way too', request: `PATCH traces/${A}/tags`, body: { key: 'kind', value: 'y' } },
    { does: 'the server\'s own are not for clients', request: `PATCH ${V3}/${A}/tags`, body: { key: 'mlflow.trace.spansLocation', value: 'x' }, status: 400, holds: invalid },
    { does: 'a run is started', request: 'POST runs/create', body: { experiment_id: '0' }, keeps: { run: 'run.info.run_id' } },
    { does: 'traces are linked to it, once', request: 'POST traces/link-to-run', body: { run_id: '{run}', trace_ids: [A, A, 'tr-none'] } },
    { does: 'and prompts to a trace', request: 'POST traces/link-prompts', body: { trace_id: A, prompt_versions: [{ name: 'hello', version: '2' }] } },
  ])

  const found: readonly (readonly [string, readonly string[], (readonly string[])?])[] = [
    ['', [B, A]],
    ["trace.status = 'OK'", [A]],
    ["status != 'OK'", [B]],
    ["attributes.name = 'first'", [A]],
    ["name LIKE 's%'", [B]],
    ["name ILIKE 'F%'", [A]],
    ["name IN ('first', 'second')", [B, A]],
    ["tags.kind = 'y'", [A]],
    ['tags.kind IS NULL', [B]],
    ["tags.`kind` LIKE '~%'", []],
    ["metadata.n = '1'", [A]],
    ["request_metadata.n IS NOT NULL", [A]],
    ["run_id = '{run}'", [A]],
    ["prompt = 'hello/2'", [A]],
    ["prompt = 'hello/1'", []],
    ["client_request_id = 'c1'", [A]],
    [`request_id NOT IN ('${A}')`, [B]],
    ['timestamp_ms > 1767225602000', [B]],
    ['execution_time_ms = 250', [B, A]],
    ['end_time_ms < 1767225601751', [A]],
    ["span.name = 'leaf'", [A]],
    ["span.name = 'leaf' AND span.type = 'TOOL'", [A]],
    ["span.name = 'work' AND span.type = 'TOOL'", []],
    ["span.status IN ('OK', 'ERROR')", [A]],
    ["span.attributes.city = 'Zürich \"100%\"'", [A]],
    ["span.attributes.city = 'Zürich \"1000\"'", []],
    ["span.attributes.city LIKE 'Zür%'", [A]],
    ["span.attributes.city != 'Rome'", [A]],
    ["trace.text LIKE '%Zürich%'", [A]],
    ['feedback.quality >= 2', [B]],
    ['feedback.quality > 2', []],
    ["feedback.quality = '2'", [B]],
    ['feedback.quality IS NULL', [A]],
    ['', [A, B], ['timestamp_ms ASC']],
    ['', [A, B], ['name ASC']],
    ['', [A, B], ['tags.kind DESC']],
  ]
  const search = (body: object) => ({ locations: [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } }], ...body })
  for (const [filter, ids, order] of found) {
    story([{ does: `traces: ${filter || '(all)'}${order ? ` by ${order.join(', ')}` : ''}`, request: `POST ${V3}/search`, body: search({ filter, ...(order ? { order_by: order } : {}) }), holds: { traces: ids.map((trace_id) => ({ trace_id })) } }])
  }
  for (const filter of ["name RLIKE '.*'", 'status = OK', "span.color = 'x'", "timestamp_ms LIKE '1'", "nothing = 'x'", "tags.a = 'b' OR tags.c = 'd'", "feedback.quality > 'a'", "issue.name = 'x'", "status = 'OK' AND"]) {
    story([{ does: `traces: ${filter} is refused where it goes wrong`, request: `POST ${V3}/search`, body: search({ filter }), status: 400, holds: { ...invalid, message: /at character \d+/ } }])
  }

  story([
    { does: 'pages of traces go on', request: `POST ${V3}/search`, body: search({ max_results: 1 }), holds: { traces: [{ trace_id: B }] }, keeps: { token: 'next_page_token' } },
    { does: 'to their end', request: `POST ${V3}/search`, body: search({ max_results: 1, page_token: '{token}' }), holds: { traces: [{ trace_id: A }] }, lacks: 'next_page_token' },
    { does: 'a page too large is refused', request: `POST ${V3}/search`, body: search({ max_results: 501 }), status: 400, holds: invalid },
    { does: 'feedback is given', request: `POST ${V3}/${A}/assessments`, body: { assessment: { assessment_name: 'useful', feedback: { value: true }, source: { source_type: 2, source_id: 'judge' }, rationale: 'it is', metadata: { a: '1' } } }, holds: { assessment: { feedback: { value: true }, source: { source_type: 'LLM_JUDGE' }, valid: true } }, keeps: { one: 'assessment.assessment_id' } },
    { does: 'and overridden', request: `POST ${V3}/${A}/assessments`, body: { assessment: { assessment_name: 'useful', feedback: { value: false }, overrides: '{one}' } }, keeps: { two: 'assessment.assessment_id' } },
    { does: 'which makes the first invalid', request: `GET ${V3}/${A}/assessments/{one}`, holds: { assessment: { valid: false } } },
    { does: 'what is not there cannot be overridden', request: `POST ${V3}/${A}/assessments`, body: { assessment: { assessment_name: 'useful', feedback: { value: 1 }, overrides: 'a-none' } }, status: 404, holds: missing },
    { does: 'it is changed, as the mask says', request: `PATCH ${V3}/${A}/assessments/{one}`, body: { assessment: { feedback: { value: 0.5 }, metadata: { b: '2' }, rationale: 'ignored' }, update_mask: 'feedback,metadata' }, holds: { assessment: { feedback: { value: 0.5 }, rationale: 'it is', metadata: { a: '1', b: '2' } } } },
    { does: 'feedback is no expectation', request: `PATCH ${V3}/${A}/assessments/{one}`, body: { assessment: { expectation: { value: 1 } }, update_mask: 'expectation' }, status: 400, holds: invalid },
    { does: 'an expectation may be an object', request: `POST ${V3}/${A}/assessments`, body: { assessment: { assessment_name: 'answer', expectation: { serialized_value: { serialization_format: 'JSON_FORMAT', value: '{"a":[1]}' } } } }, holds: { assessment: { expectation: { serialized_value: { value: '{"a":[1]}' } } } } },
    { does: 'deleting the override makes the first valid again', request: `DELETE ${V3}/${A}/assessments/{two}` },
    { does: 'as is seen', request: `GET ${V3}/${A}/assessments/{one}`, holds: { assessment: { valid: true } } },
    { does: 'one without a kind is refused', request: `POST ${V3}/${A}/assessments`, body: { assessment: { assessment_name: 'x' } }, status: 400, holds: invalid },
    { does: 'metrics of traces count by status', request: `POST ${V3}/metrics`, body: { experiment_ids: ['0'], view_type: 'TRACES', metric_name: 'trace_count', aggregations: [{ aggregation_type: 'COUNT' }], dimensions: ['trace_status'] }, holds: { data_points: [{ dimensions: { trace_status: 'ERROR' }, values: { COUNT: 1 } }, { dimensions: { trace_status: 'OK' }, values: { COUNT: 1 } }] } },
    { does: 'of spans in spans of time', request: `POST ${V3}/metrics`, body: { experiment_ids: ['0'], view_type: 2, metric_name: 'latency', aggregations: [{ aggregation_type: 'AVG' }, { aggregation_type: 'PERCENTILE', percentile_value: 95 }], filters: ["span.type = 'TOOL'"], time_interval_seconds: 3600, start_time_ms: '0', end_time_ms: '1800000000000' }, holds: { data_points: [{ dimensions: { time_bucket: '2026-01-01T00:00:00+00:00' }, values: { AVG: 250 } }] } },
    { does: 'of assessments', request: `POST ${V3}/metrics`, body: { experiment_ids: ['0'], view_type: 'ASSESSMENTS', metric_name: 'assessment_value', aggregations: [{ aggregation_type: 'MAX' }], dimensions: ['assessment_name'] }, holds: { data_points: [{ dimensions: { assessment_name: 'quality' }, values: { MAX: 2 } }, { dimensions: { assessment_name: 'useful' }, values: { MAX: 0.5 } }] } },
    { does: 'a metric that is none is refused', request: `POST ${V3}/metrics`, body: { experiment_ids: ['0'], view_type: 'TRACES', metric_name: 'colour', aggregations: [{ aggregation_type: 'COUNT' }] }, status: 400, holds: invalid },
    { does: 'two filters are correlated', request: `POST ${V3}/calculate-filter-correlation`, body: { experiment_ids: ['0'], filter_string1: "status = 'ERROR'", filter_string2: "name = 'second'" }, holds: { npmi: 1, filter1_count: 1, joint_count: 1, total_count: 2 } },
    { does: 'a trace of the older form begins', request: 'POST traces', body: { experiment_id: '0', timestamp_ms: '1000', request_metadata: [{ key: 'a', value: 'b' }], tags: [{ key: 't', value: 'u' }] }, holds: { trace_info: { status: 'IN_PROGRESS', timestamp_ms: 1000, request_metadata: [{ key: 'a' }] } }, keeps: { old: 'trace_info.request_id' } },
    { does: 'and ends', request: 'PATCH traces/{old}', body: { timestamp_ms: 1700, status: 'OK', tags: [{ key: 't', value: 'v' }] }, holds: { trace_info: { status: 'OK', execution_time_ms: 700 } } },
    { does: 'is read', request: 'GET traces/{old}/info', holds: { trace_info: { request_id: '{old}', status: 'OK' } } },
    { does: 'and searched', request: "GET traces?experiment_ids=0&filter=tags.t = 'v'", holds: { traces: [{ request_id: '{old}' }] } },
    { does: 'by age it is deleted', request: 'POST traces/delete-traces', body: { experiment_id: '0', max_timestamp_millis: 2000 }, holds: { traces_deleted: 1 } },
    { does: 'by id others are', request: `POST ${V3}/delete-traces`, body: { experiment_id: '0', request_ids: [A, 'tr-none'] }, holds: { traces_deleted: 1 } },
    { does: 'with all that was theirs', request: `GET ${V3}/get?trace_id=${A}`, status: 404, holds: missing },
    { does: 'all at once by mistake is refused', request: `POST ${V3}/delete-traces`, body: { experiment_id: '0' }, status: 400, holds: invalid },
  ])
}
