/** MLflow's numbers (webhooks.proto): requests may name an entity either way. */
export const ENTITIES = {
  REGISTERED_MODEL: 1,
  MODEL_VERSION: 2,
  MODEL_VERSION_TAG: 3,
  MODEL_VERSION_ALIAS: 4,
  PROMPT: 5,
  PROMPT_VERSION: 6,
  PROMPT_TAG: 7,
  PROMPT_VERSION_TAG: 8,
  PROMPT_ALIAS: 9,
  BUDGET_POLICY: 10,
} as const
export const ACTIONS = { CREATED: 1, UPDATED: 2, DELETED: 3, SET: 4, EXCEEDED: 5 } as const
export const WEBHOOK_STATUS = { ACTIVE: 1, DISABLED: 2 } as const

export type Entity = keyof typeof ENTITIES
export type Action = keyof typeof ACTIONS

export interface WebhookEvent {
  readonly entity: Entity
  readonly action: Action
}

export type Data = Readonly<Record<string, unknown>>

const version = { name: 'example_model', version: '1' }
const prompt = { name: 'example_prompt', version: '1' }
const tag = { key: 'example_key', value: 'example_value' }
const described = (of: string) => ({ tags: { example_key: 'example_value' }, description: `An example ${of}` })

/** The events that there are, each with the data that a test sends: MLflow's own examples. */
const EXAMPLES: Partial<Record<Entity, Partial<Record<Action, Data>>>> = {
  REGISTERED_MODEL: { CREATED: { name: 'example_model', ...described('registered model') } },
  MODEL_VERSION: { CREATED: { ...version, source: 'models:/123', run_id: 'abcd1234abcd5678', ...described('model version') } },
  MODEL_VERSION_TAG: { SET: { ...version, ...tag }, DELETED: { ...version, key: 'example_key' } },
  MODEL_VERSION_ALIAS: { CREATED: { name: 'example_model', alias: 'example_alias', version: '1' }, DELETED: { name: 'example_model', alias: 'example_alias' } },
  PROMPT: { CREATED: { name: 'example_prompt', ...described('prompt') } },
  PROMPT_VERSION: { CREATED: { ...prompt, template: 'Hello {{name}}!', ...described('prompt version') } },
  PROMPT_TAG: { SET: { name: 'example_prompt', ...tag }, DELETED: { name: 'example_prompt', key: 'example_key' } },
  PROMPT_VERSION_TAG: { SET: { ...prompt, ...tag }, DELETED: { ...prompt, key: 'example_key' } },
  PROMPT_ALIAS: { CREATED: { name: 'example_prompt', alias: 'example_alias', version: '1' }, DELETED: { name: 'example_prompt', alias: 'example_alias' } },
}

/** undefined for an action that the entity does not have. */
export function exampleOf({ entity, action }: WebhookEvent): Data | undefined {
  return EXAMPLES[entity]?.[action]
}

export function actionsOf(entity: Entity): readonly string[] {
  return Object.keys(EXAMPLES[entity] ?? {})
}

/** As it stands in bodies and logs: `model_version.created`. */
export function eventName({ entity, action }: WebhookEvent): string {
  return `${entity}.${action}`.toLowerCase()
}

/** The body of a delivery. `time` is when it happened, milliseconds since 1970. */
export function bodyOf(event: WebhookEvent, time: number, data: Data): string {
  return JSON.stringify({
    entity: event.entity.toLowerCase(),
    action: event.action.toLowerCase(),
    timestamp: new Date(time).toISOString().replace('Z', '+00:00'),
    data,
  })
}
