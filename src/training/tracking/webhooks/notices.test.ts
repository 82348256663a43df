import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventData, EventType, MillraceEvent } from '../../../api/events.ts'
import { type Notice, isNoticed, noticeOf } from './notices.ts'
import { eventName, exampleOf } from './vocabulary.ts'

const by = { actor: 'ada', reason: '' }

function notice<T extends EventType>(type: T, data: EventData[T], isPrompt = false): Notice | undefined {
  const event: MillraceEvent<T> = {
    specversion: '1.0', id: 'i', source: '/tracking', type, time: '2026-01-01T00:00:00Z', subject: 's', datacontenttype: 'application/json', data, projecttime: '2026-01-01T00:00:00Z', seq: 1, previoushash: '', hash: '',
  }
  const one: MillraceEvent = event as MillraceEvent
  return isNoticed(one) ? noticeOf(one, isPrompt) : undefined
}

const PROMPT = { 'mlflow.prompt.is_prompt': 'true', _mlflow_prompt_type: 'text', team: 'a' }
const cases: readonly (readonly [string, Notice | undefined, string | undefined, object?])[] = [
  ['a model', notice('dev.millrace.model.created', { model: 'm', tags: { t: '1' }, description: 'd' }), 'registered_model.created', { name: 'm', tags: { t: '1' }, description: 'd' }],
  ['a prompt', notice('dev.millrace.model.created', { model: 'p', tags: PROMPT }), 'prompt.created', { name: 'p', tags: { team: 'a' }, description: '' }],
  ['a version', notice('dev.millrace.model.version.created', { model: 'm', version: '2', run_id: 'r', tags: {}, source: 's' }), 'model_version.created', { name: 'm', version: '2', source: 's', run_id: 'r', tags: {}, description: null }],
  ['a version of a prompt', notice('dev.millrace.model.version.created', { model: 'p', version: '1', run_id: null, tags: { ...PROMPT, 'mlflow.prompt.text': 'Hello' } }, true), 'prompt_version.created', { name: 'p', version: '1', template: 'Hello', tags: { team: 'a' }, description: null }],
  ['a tag of a version', notice('dev.millrace.model.version.tag.set', { model: 'm', version: '1', key: 'k', value: 'v', previous: null, ...by }), 'model_version_tag.set', { name: 'm', version: '1', key: 'k', value: 'v' }],
  ['its removal', notice('dev.millrace.model.version.tag.deleted', { model: 'm', version: '1', key: 'k', previous: 'v', ...by }), 'model_version_tag.deleted', { name: 'm', version: '1', key: 'k' }],
  ['a tag of a version of a prompt', notice('dev.millrace.model.version.tag.set', { model: 'p', version: '1', key: 'k', value: 'v', previous: null, ...by }, true), 'prompt_version_tag.set', { name: 'p', version: '1', key: 'k', value: 'v' }],
  ['a tag of a prompt', notice('dev.millrace.model.tag.set', { model: 'p', key: 'k', value: 'v', previous: null, ...by }, true), 'prompt_tag.set', { name: 'p', key: 'k', value: 'v' }],
  ['its removal', notice('dev.millrace.model.tag.deleted', { model: 'p', key: 'k', previous: 'v', ...by }, true), 'prompt_tag.deleted', { name: 'p', key: 'k' }],
  ['a tag of a model, which MLflow has no webhook for', notice('dev.millrace.model.tag.set', { model: 'm', key: 'k', value: 'v', previous: null, ...by }), undefined],
  ['an alias', notice('dev.millrace.model.alias.moved', { model: 'm', alias: 'champion', version: '2', previous: '1', ...by }), 'model_version_alias.created', { name: 'm', alias: 'champion', version: '2' }],
  ['an alias of a prompt', notice('dev.millrace.model.alias.moved', { model: 'p', alias: 'live', version: '1', previous: null, ...by }, true), 'prompt_alias.created', { name: 'p', alias: 'live', version: '1' }],
  ['the removal of an alias', notice('dev.millrace.model.alias.moved', { model: 'm', alias: 'champion', version: null, previous: '1', ...by }), 'model_version_alias.deleted', { name: 'm', alias: 'champion' }],
  ['the end of a run, which MLflow has no webhook for', notice('dev.millrace.run.finished', { run_id: 'r', experiment_id: '0', status: 'FINISHED', metrics: {} }), undefined],
]

for (const [what, given, name, data] of cases) {
  test(`webhooks hear of ${what}${name === undefined ? ': nothing' : ` as ${name}`}`, () => {
    assert.equal(given === undefined ? undefined : eventName(given.event), name)
    assert.deepEqual(given?.data, data)
    // The same fields as in the example that MLflow documents.
    if (given !== undefined) assert.deepEqual(Object.keys(given.data).toSorted(), Object.keys(exampleOf(given.event) ?? {}).toSorted())
  })
}
