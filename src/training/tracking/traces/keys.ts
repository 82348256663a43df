/** Tags and metadata of traces, and attributes of spans, that MLflow's clients set or read (mlflow/tracing/constant.py). */
export const TAG = {
  name: 'mlflow.traceName',
  artifactLocation: 'mlflow.artifactLocation',
  /** `TRACKING_STORE` where the spans are with the server, as they are here; absent where the client keeps them among the artifacts. */
  spansLocation: 'mlflow.trace.spansLocation',
} as const
export const METADATA = {
  sourceRun: 'mlflow.sourceRun',
  sizeStats: 'mlflow.trace.sizeStats',
  tokenUsage: 'mlflow.trace.tokenUsage',
  session: 'mlflow.trace.session',
  user: 'mlflow.trace.user',
} as const
export const ATTRIBUTE = {
  inputs: 'mlflow.spanInputs',
  outputs: 'mlflow.spanOutputs',
  type: 'mlflow.spanType',
  tokenUsage: 'mlflow.chat.tokenUsage',
  cost: 'mlflow.llm.cost',
  model: 'mlflow.llm.model',
  provider: 'mlflow.llm.provider',
  session: 'session.id',
  conversation: 'gen_ai.conversation.id',
  user: 'user.id',
  tagPrefix: 'mlflow.traceTag.',
} as const
/** Tags that only the server sets. */
export const SYSTEM_TAGS: readonly string[] = [TAG.spansLocation, 'mlflow.trace.archiveLocation', 'mlflow.trace.archivalFailure']
export const TRACKING_STORE = 'TRACKING_STORE'
export const TRACE_DATA_FILE = 'traces.json'
