/** What may be searched for, and by what it may be ordered, in one kind of search. */
export interface Grammar {
  /** In error messages. */
  readonly what: string
  /** Names that may stand before a key, and the entity they mean. Without one, a key is an attribute. */
  readonly entities: Readonly<Record<string, Entity>>
  readonly attributes: Readonly<Record<string, AttributeType>>
  readonly attributeAliases?: Readonly<Record<string, string>>
  /** Attributes that may be compared with a list. */
  readonly lists?: readonly string[]
  /** Attributes that are whole numbers, and may stand in quotes. */
  readonly whole?: readonly string[]
  /** Entities by which results may be ordered. */
  readonly orderedBy: readonly Entity[]
}

export type Entity = 'attribute' | 'metric' | 'param' | 'tag' | 'dataset'
export type AttributeType = 'string' | 'number'

export type NumberOperator = '=' | '!=' | '>' | '>=' | '<' | '<='
export type StringOperator = '=' | '!=' | 'LIKE' | 'ILIKE'

/** One condition. All clauses of a filter hold together. */
export type Clause = { readonly entity: Entity; readonly key: string; readonly at: number } & (
  | { readonly type: 'number'; readonly operator: NumberOperator; readonly value: number }
  | { readonly type: 'string'; readonly operator: StringOperator; readonly value: string }
  | { readonly type: 'list'; readonly operator: 'IN' | 'NOT IN'; readonly value: readonly string[] }
  | { readonly type: 'presence'; readonly operator: 'IS NULL' | 'IS NOT NULL' }
)

export interface Order {
  readonly entity: Entity
  readonly key: string
  readonly descending: boolean
}

const ATTRIBUTE = { attribute: 'attribute', attributes: 'attribute', attr: 'attribute' } as const
const TAG = { tag: 'tag', tags: 'tag' } as const
const DATASET_KEYS = ['name', 'digest', 'context']

export const RUNS: Grammar = {
  what: 'filter of runs',
  entities: {
    ...ATTRIBUTE,
    ...TAG,
    run: 'attribute',
    metric: 'metric',
    metrics: 'metric',
    param: 'param',
    params: 'param',
    parameter: 'param',
    parameters: 'param',
    dataset: 'dataset',
    datasets: 'dataset',
  },
  attributes: { run_id: 'string', run_name: 'string', user_id: 'string', status: 'string', artifact_uri: 'string', experiment_id: 'string', start_time: 'number', end_time: 'number' },
  attributeAliases: { created: 'start_time', Created: 'start_time', 'run name': 'run_name', 'Run name': 'run_name', 'Run Name': 'run_name' },
  lists: ['run_id'],
  orderedBy: ['attribute', 'metric', 'param', 'tag'],
}

export const EXPERIMENTS: Grammar = {
  what: 'filter of experiments',
  entities: { ...ATTRIBUTE, ...TAG },
  attributes: { name: 'string', experiment_id: 'string', creation_time: 'number', last_update_time: 'number' },
  lists: ['experiment_id'],
  orderedBy: ['attribute'],
}

export const REGISTERED_MODELS: Grammar = {
  what: 'filter of registered models',
  entities: { ...ATTRIBUTE, ...TAG },
  attributes: { name: 'string', creation_timestamp: 'number', last_updated_timestamp: 'number' },
  attributeAliases: { timestamp: 'last_updated_timestamp' },
  lists: ['name'],
  orderedBy: ['attribute'],
}

export const MODEL_VERSIONS: Grammar = {
  what: 'filter of model versions',
  entities: { ...ATTRIBUTE, ...TAG },
  attributes: { name: 'string', run_id: 'string', source_path: 'string', version_number: 'number', creation_timestamp: 'number', last_updated_timestamp: 'number' },
  lists: ['name', 'run_id'],
  whole: ['version_number'],
  orderedBy: ['attribute'],
}

export const LOGGED_MODELS: Grammar = {
  what: 'filter of logged models',
  entities: { ...ATTRIBUTE, ...TAG, metric: 'metric', metrics: 'metric', param: 'param', params: 'param' },
  attributes: {
    name: 'string',
    model_id: 'string',
    model_type: 'string',
    status: 'string',
    source_run_id: 'string',
    creation_timestamp: 'number',
    creation_time: 'number',
    last_updated_timestamp: 'number',
  },
  attributeAliases: { creation_timestamp_ms: 'creation_timestamp', creation_time: 'creation_timestamp', last_updated_timestamp_ms: 'last_updated_timestamp' },
  lists: ['name', 'model_id', 'model_type', 'status', 'source_run_id'],
  orderedBy: ['attribute', 'metric', 'param', 'tag'],
}

/** Type of what a clause compares with. Throws nothing: the parser has checked the key. */
export function typeOf(grammar: Grammar, entity: Entity, key: string): AttributeType {
  if (entity === 'metric') return 'number'
  return entity === 'attribute' ? (grammar.attributes[key] ?? 'string') : 'string'
}

/** The keys that an entity has; undefined where any may be. */
export function knownKeys(grammar: Grammar, entity: Entity): readonly string[] | undefined {
  if (entity === 'dataset') return DATASET_KEYS
  return entity === 'attribute' ? Object.keys(grammar.attributes) : undefined
}
