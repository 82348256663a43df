/**
 * Every error that Millrace can answer with: its code, the HTTP status it maps to, and the exit code of the command line
 * (sysexits.h where one fits: 64 usage, 65 data, 66 no input, 69 unavailable, 73 cannot create, 74 I/O, 75 try again, 78 configuration).
 * docs/errors.md is checked against this table by a test.
 */
export const ERROR_CATALOGUE = {
  // any service
  BAD_REQUEST: { status: 400, exit: 65, title: 'The request is malformed' },
  ACCESS_DENIED: { status: 403, exit: 77, title: 'The caller may not do this' },
  NOT_FOUND: { status: 404, exit: 66, title: 'There is nothing by that name' },
  METHOD_NOT_ALLOWED: { status: 405, exit: 64, title: 'The route does not answer this method' },
  ALREADY_EXISTS: { status: 409, exit: 65, title: 'Something by that name exists already' },
  CONFLICT: { status: 409, exit: 65, title: 'The request contradicts the present state' },
  BODY_TOO_LARGE: { status: 413, exit: 65, title: 'The body is over the limit' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, exit: 65, title: 'The content type is not understood here' },
  HOST_NOT_ALLOWED: { status: 403, exit: 77, title: 'The Host or Origin header is not one of ours' },
  INTERNAL: { status: 500, exit: 70, title: 'An unexpected error; the log has the details' },
  NOT_IMPLEMENTED: { status: 501, exit: 69, title: 'A part of the protocol that is left out on purpose' },
  UNAVAILABLE: { status: 503, exit: 69, title: 'The service is not ready' },
  UPSTREAM_FAILED: { status: 502, exit: 69, title: 'Another service could not be reached or failed' },
  TIMEOUT: { status: 504, exit: 75, title: 'It took longer than allowed' },
  CANCELLED: { status: 499, exit: 130, title: 'It was cancelled' },
  // command line and machine
  USAGE: { status: 400, exit: 64, title: 'The command line is wrong' },
  CONFIG_INVALID: { status: 500, exit: 78, title: 'The configuration is wrong' },
  PROJECT_MISMATCH: { status: 421, exit: 78, title: 'The service belongs to another project' },
  PORT_TAKEN: { status: 500, exit: 69, title: 'The port is taken' },
  DISK_FULL: { status: 507, exit: 74, title: 'No space is left on the device' },
  NOT_WRITABLE: { status: 500, exit: 73, title: 'The folder cannot be written' },
  FOREIGN_FOLDER: { status: 500, exit: 73, title: 'The folder holds something that is not ours' },
  FOLDER_IN_USE: { status: 409, exit: 75, title: 'Another process has the folder open' },
  PATH_OUTSIDE_ROOT: { status: 400, exit: 65, title: 'The path leaves its root' },
  SERVICE_FAILED: { status: 500, exit: 69, title: 'A service did not start or keeps failing' },
  DEMO_FAILED: { status: 500, exit: 1, title: 'A step of the demo could not be verified' },
  // events and time
  EVENT_CHAIN_BROKEN: { status: 500, exit: 65, title: 'The chain of events does not verify' },
  CLOCK_NOT_SIMULATED: { status: 409, exit: 64, title: 'Project time is wall time here and cannot be set' },
  CLOCK_BACKWARDS: { status: 409, exit: 65, title: 'Project time only moves forward' },
  // features and learners
  FEATURES_INVALID: { status: 422, exit: 78, title: 'A feature definition is wrong' },
  INPUT_INVALID: { status: 400, exit: 65, title: 'The input does not match the model signature' },
  LEARNER_INVALID: { status: 422, exit: 65, title: 'The learner cannot use these parameters or data' },
  // serving
  JOURNAL_FAILED: { status: 503, exit: 74, title: 'The prediction journal cannot be written' },
  MODEL_INVALID: { status: 422, exit: 65, title: 'The model version cannot be served' },
  PROVIDER_MISSING: { status: 422, exit: 78, title: 'ONNX Runtime here has no such execution provider' },
  MODEL_NOT_READY: { status: 503, exit: 69, title: 'No version of the model is ready' },
  MODEL_UNLOADED: { status: 503, exit: 69, title: 'The model was unloaded on purpose' },
  OVERLOADED: { status: 503, exit: 75, title: 'Too many requests are waiting' },
  QUOTA_EXCEEDED: { status: 429, exit: 75, title: 'The caller has used up its quota' },
  PREDICTION_FAILED: { status: 500, exit: 70, title: 'The model gave no usable answer' },
  // db
  DATABASE_IN_USE: { status: 409, exit: 75, title: 'Another process has the database open' },
  DATABASE_UNAVAILABLE: { status: 503, exit: 69, title: 'The database does not answer' },
  MIGRATION_FAILED: { status: 500, exit: 70, title: 'A database migration failed' },
  MIGRATION_IRREVERSIBLE: { status: 409, exit: 65, title: 'A migration cannot be taken back' },
  MIGRATION_UNKNOWN: { status: 500, exit: 70, title: 'The database was written by a newer version' },
  // contracts
  CONTRACT_INVALID: { status: 422, exit: 65, title: 'The data contract is malformed' },
  CONTRACT_VIOLATED: { status: 422, exit: 65, title: 'The data breaks its contract' },
  DATA_NOT_FOUND: { status: 404, exit: 66, title: 'There is no data by that name' },
  DATA_UNREADABLE: { status: 422, exit: 65, title: 'The data cannot be read as what it claims to be' },
  // tracking and registry
  COPY_DIFFERS: { status: 500, exit: 65, title: 'What was copied is not what it was copied from' },
  ARTIFACT_SEALED: { status: 403, exit: 77, title: 'The files belong to a registered version and cannot change' },
  GATE_NOT_PASSED: { status: 409, exit: 65, title: 'The version does not pass the gate of the alias' },
  ALIAS_NOT_FOUND: { status: 404, exit: 66, title: 'The model has no alias by that name' },
  SEARCH_INVALID: { status: 400, exit: 65, title: 'A filter, an order or a page token of a search is malformed' },
  // data versions and pipelines
  DVC_CACHE_CORRUPT: { status: 500, exit: 65, title: 'An object in the cache is not what its name says' },
  DVC_FILE_INVALID: { status: 422, exit: 65, title: 'A .dvc file, dvc.yaml, dvc.lock or parameters file is malformed' },
  DVC_LOCKED: { status: 409, exit: 75, title: 'Another process is working on the same data' },
  DVC_MISSING_DATA: { status: 404, exit: 66, title: 'Data is in neither the cache nor the remote' },
  DVC_NOT_A_PROJECT: { status: 404, exit: 66, title: 'No folder here or above is a DVC project' },
  DVC_OVERLAP: { status: 409, exit: 65, title: 'Two outputs claim the same path' },
  DVC_PATH_INVALID: { status: 422, exit: 65, title: 'The path cannot be put under data versioning' },
  DVC_TRACKED_BY_GIT: { status: 409, exit: 65, title: 'Git tracks the path already' },
  DVC_WOULD_LOSE_DATA: { status: 409, exit: 73, title: 'The change would destroy data that is not in the cache' },
  GIT_FAILED: { status: 500, exit: 70, title: 'A git command failed' },
  PIPELINE_CYCLE: { status: 422, exit: 65, title: 'Stages depend on each other in a circle' },
  PIPELINE_INPUT_MISSING: { status: 404, exit: 66, title: 'What a stage depends on does not exist' },
  PIPELINE_OUTPUT_MISSING: { status: 500, exit: 65, title: 'A stage ended without making what it promised' },
  PIPELINE_STAGE_FAILED: { status: 500, exit: 1, title: 'The command of a stage failed' },
  PIPELINE_STAGE_UNKNOWN: { status: 404, exit: 66, title: 'There is no stage by that name' },
} as const satisfies Record<string, { status: number; exit: number; title: string }>

export type ErrorCode = keyof typeof ERROR_CATALOGUE
