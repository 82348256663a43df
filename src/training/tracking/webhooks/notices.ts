import type { EventData, MillraceEvent } from '../../../api/events.ts'
import type { Data, WebhookEvent } from './vocabulary.ts'

/** What subscribers of a webhook hear. */
export interface Notice {
  readonly event: WebhookEvent
  readonly data: Data
}

/** On registered models and their versions that are prompts; MLflow's clients set them and do not show them. */
const PROMPT_TAGS = { is: 'mlflow.prompt.is_prompt', text: 'mlflow.prompt.text', type: '_mlflow_prompt_type' }

/** Names of the events of ours that webhooks are told of. */
export const NOTICED = [
  'dev.millrace.model.created',
  'dev.millrace.model.tag.set',
  'dev.millrace.model.tag.deleted',
  'dev.millrace.model.version.created',
  'dev.millrace.model.version.tag.set',
  'dev.millrace.model.version.tag.deleted',
  'dev.millrace.model.alias.moved',
] as const
type Noticed = (typeof NOTICED)[number]

export function isNoticed(event: MillraceEvent): event is { [T in Noticed]: MillraceEvent<T> }[Noticed] {
  return NOTICED.some((type) => type === event.type)
}

/** An event of ours in MLflow's words; undefined for one that MLflow has no webhook for. `isPrompt` tells of the model that the event is about. */
export function noticeOf(event: { [T in Noticed]: MillraceEvent<T> }[Noticed], isPrompt: boolean): Notice | undefined {
  switch (event.type) {
    case 'dev.millrace.model.created':
      return modelCreated(event.data)
    case 'dev.millrace.model.tag.set': {
      // MLflow tells of the tags of prompts, not of those of other models.
      const { model: name, key, value } = event.data
      return isPrompt ? { event: { entity: 'PROMPT_TAG', action: 'SET' }, data: { name, key, value } } : undefined
    }
    case 'dev.millrace.model.tag.deleted': {
      const { model: name, key } = event.data
      return isPrompt ? { event: { entity: 'PROMPT_TAG', action: 'DELETED' }, data: { name, key } } : undefined
    }
    case 'dev.millrace.model.version.created':
      return versionCreated(event.data, isPrompt)
    case 'dev.millrace.model.version.tag.set': {
      const { model: name, version, key, value } = event.data
      return { event: { entity: isPrompt ? 'PROMPT_VERSION_TAG' : 'MODEL_VERSION_TAG', action: 'SET' }, data: { name, version, key, value } }
    }
    case 'dev.millrace.model.version.tag.deleted': {
      const { model: name, version, key } = event.data
      return { event: { entity: isPrompt ? 'PROMPT_VERSION_TAG' : 'MODEL_VERSION_TAG', action: 'DELETED' }, data: { name, version, key } }
    }
    case 'dev.millrace.model.alias.moved': {
      const { model: name, alias, version } = event.data
      const entity = isPrompt ? 'PROMPT_ALIAS' : 'MODEL_VERSION_ALIAS'
      if (version === null) return { event: { entity, action: 'DELETED' }, data: { name, alias } }
      return { event: { entity, action: 'CREATED' }, data: { name, alias, version } }
    }
  }
}

function modelCreated({ model: name, tags = {}, description = '' }: EventData['dev.millrace.model.created']): Notice {
  if (tags[PROMPT_TAGS.is] !== 'true') return { event: { entity: 'REGISTERED_MODEL', action: 'CREATED' }, data: { name, tags, description } }
  return { event: { entity: 'PROMPT', action: 'CREATED' }, data: { name, tags: without(tags, [PROMPT_TAGS.is, PROMPT_TAGS.type]), description } }
}

function versionCreated(made: EventData['dev.millrace.model.version.created'], isPrompt: boolean): Notice {
  const { model: name, version, run_id, tags, source = '', description = null } = made
  if (!isPrompt) return { event: { entity: 'MODEL_VERSION', action: 'CREATED' }, data: { name, version, source, run_id, tags, description } }
  const shown = without(tags, Object.values(PROMPT_TAGS))
  return { event: { entity: 'PROMPT_VERSION', action: 'CREATED' }, data: { name, version, template: tags[PROMPT_TAGS.text] ?? null, tags: shown, description } }
}

function without(tags: Readonly<Record<string, string>>, keys: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key)))
}
