export const TRACES = [
  `create table traces (
    trace_id text primary key, experiment_id bigint not null references experiments on delete cascade, request_time bigint not null, execution_time bigint,
    state text not null, client_request_id text, request_preview text, response_preview text, finalized integer not null)`,
  `create index traces_by_time on traces (experiment_id, request_time desc, trace_id)`,
  `create table trace_tags (trace_id text not null references traces on delete cascade, key text not null, value text not null, primary key (trace_id, key))`,
  `create index trace_tags_by_value on trace_tags (key, substr(value, 1, 200))`,
  `create table trace_metadata (trace_id text not null references traces on delete cascade, key text not null, value text not null, primary key (trace_id, key))`,
  `create index trace_metadata_by_value on trace_metadata (key, substr(value, 1, 200))`,
  `create table trace_runs (
    trace_id text not null references traces on delete cascade, run_id text not null references runs on delete cascade, primary key (run_id, trace_id))`,
  `create index trace_runs_by_trace on trace_runs (trace_id)`,
  `create table trace_prompts (
    trace_id text not null references traces on delete cascade, name text not null, version text not null, primary key (trace_id, name, version))`,
  `create table spans (
    trace_id text not null references traces on delete cascade, span_id text not null, parent_id text, name text not null, type text not null, status text not null,
    start_us bigint not null, end_us bigint, content text not null, primary key (trace_id, span_id))`,
  `create table assessments (
    assessment_id text not null, trace_id text not null references traces on delete cascade, span_id text, name text not null, kind text not null,
    source_type text not null, source_id text not null, value text, number double precision, error text, rationale text, metadata text not null, overrides text,
    valid integer not null, creation_time bigint not null, last_update_time bigint not null, primary key (trace_id, assessment_id))`,
]

/** What takes them away again. */
export const WITHOUT_TRACES = ['assessments', 'spans', 'trace_prompts', 'trace_runs', 'trace_metadata', 'trace_tags', 'traces'].map((table) => `drop table ${table}`)
