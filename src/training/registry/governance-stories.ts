import type { ServiceUnderTest, Step } from '../testing.ts'

const by = (actor: string, reason = '') => ({ 'x-millrace-actor': encodeURIComponent(actor), ...(reason === '' ? {} : { 'x-millrace-reason': encodeURIComponent(reason) }) })
const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts'
const REGISTRY = '/api/2.0/millrace/registry'
const sealed = { status: 403, holds: { error_code: 'PERMISSION_DENIED', code: 'ARTIFACT_SEALED' } }
const denied = { status: 403, holds: { error_code: 'PERMISSION_DENIED', code: 'ACCESS_DENIED' }, emits: ['access.denied'] }
const notPassed = { status: 409, holds: { code: 'GATE_NOT_PASSED' } }
const version = (number: string, more: Partial<Step> = {}): Step => ({
  does: `version ${number} is registered`,
  request: 'POST model-versions/create',
  body: { name: 'm', source: '{uri}/other', run_id: '{run}' },
  holds: { model_version: { version: number } },
  emits: ['model.version.created'],
  ...more,
})
const champion = (number: string, more: Partial<Step> = {}): Step => ({
  does: `version ${number} becomes champion`,
  request: 'POST registered-models/alias',
  body: { name: 'm', alias: 'champion', version: number },
  headers: by('ada', `because of ${number}`),
  emits: ['model.alias.moved'],
  ...more,
})

/** What the registry does beyond MLflow's, in a service that `GOVERNED` configures. */
export const GOVERNED = `
registry:
  gates:
    - {alias: champion, models: [gated], requires: ["metrics.auc >= 0.7 AND tags.gate = 'passed'", "attributes.digest LIKE '%'", "tags.note IS NULL"]}
  permissions:
    roles:
      - {role: releasers, actors: [ada]}
    rules:
      - {role: releasers, actions: ['*'], models: [guarded]}
      - {role: '*', actions: ['alias.*'], models: [guarded], aliases: [champion, prod-*], effect: deny}
      - {role: '*', actions: ['alias.override'], effect: deny, models: [gated]}
`

export function governanceStories({ story }: ServiceUnderTest): void {
  story([
    { does: 'a run logs a model', request: 'POST runs/create', body: { experiment_id: '0' }, keeps: { run: 'run.info.run_id', uri: 'run.info.artifact_uri' } },
    { does: 'in one file', request: `PUT ${ARTIFACTS}/0/{run}/artifacts/model/MLmodel`, body: 'flavors' },
    { does: 'and another, in a folder', request: `PUT ${ARTIFACTS}/0/{run}/artifacts/model/data/weights`, body: 'weights' },
    { does: 'and a metric', request: 'POST runs/log-metric', body: { run_id: '{run}', key: 'auc', value: 0.8, timestamp: 1 } },
    { does: 'which is all of no model yet', request: 'POST registered-models/create', body: { name: 'm' }, emits: ['model.created'] },
    version('1', { body: { name: 'm', source: '{uri}/model', run_id: '{run}' }, holds: { model_version: { digest: /^[0-9a-f]{64}$/ } }, keeps: { digest: 'model_version.digest' } }),
    { does: 'its manifest names each file with size and digest', request: `GET ${REGISTRY}/manifest?name=m&version=1`, holds: { digest: '{digest}', size: 18, files: [
      { path: 'MLmodel', size: 9, sha256: '432c15dc0f191017954de8614a078e3271a975f75b8a6f3274158b65bcee96c4' }, { path: 'data/weights', size: 9 } ] } },
    { does: 'it verifies', request: `GET ${REGISTRY}/verify?name=m&version=1`, holds: { ok: true, problems: [], found: '{digest}' } },
    { does: 'its files are not overwritten', request: `PUT ${ARTIFACTS}/0/{run}/artifacts/model/MLmodel`, body: 'other', ...sealed },
    { does: 'nor added to', request: `PUT ${ARTIFACTS}/0/{run}/artifacts/model/code/evil.py`, body: 'other', ...sealed },
    { does: 'nor deleted', request: `DELETE ${ARTIFACTS}/0/{run}/artifacts/model/data`, ...sealed },
    { does: 'nor with the folder that they are in', request: `DELETE ${ARTIFACTS}/0/{run}`, ...sealed },
    { does: 'nor by the upload of a browser', request: 'POST /ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=model/MLmodel', body: 'other', ...sealed },
    { does: 'a neighbour of a like name is free', request: `PUT ${ARTIFACTS}/0/{run}/artifacts/model2/MLmodel`, body: 'other' },
    { does: 'as is the rest of the run', request: `PUT ${ARTIFACTS}/0/{run}/artifacts/plot.svg`, body: 'plot' },
    version('2', { does: 'what has no files yet is registered without a manifest', lacks: '"digest"' }),
    { does: 'and cannot be verified', request: `GET ${REGISTRY}/verify?name=m&version=2`, status: 404, holds: { message: /had no files when it was registered/ } },
    { does: 'nor sealed', request: `POST ${REGISTRY}/seal`, body: { name: 'm', version: '2' }, status: 404 },
    { does: 'until it has', request: `PUT ${ARTIFACTS}/0/{run}/artifacts/other/MLmodel`, body: 'late' },
    { does: 'then it is sealed, and tells it', request: `POST ${REGISTRY}/seal`, body: { name: 'm', version: '2' }, headers: by('ada'), holds: { version: '2', files: [{ path: 'MLmodel', size: 6 }] }, emits: ['model.version.sealed'] },
    { does: 'once', request: `POST ${REGISTRY}/seal`, body: { name: 'm', version: '2' } },
    version('3', { does: 'another version of the same files has the same manifest' }),
    { does: 'without one of the two', request: 'DELETE model-versions/delete', body: { name: 'm', version: '2' }, emits: ['model.version.deleted'] },
    { does: 'the files stay as they are', request: `PUT ${ARTIFACTS}/0/{run}/artifacts/other/MLmodel`, body: 'x', ...sealed },
    { does: 'a logged model that is not ready', request: 'POST logged-models', body: { experiment_id: '0', source_run_id: '{run}' }, keeps: { logged: 'model.info.model_id' } },
    { does: 'has a file', request: `PUT ${ARTIFACTS}/0/models/{logged}/artifacts/MLmodel`, body: 'half' },
    version('4', { does: 'is registered unsealed', body: { name: 'm', source: 'models:/{logged}', model_id: '{logged}' }, lacks: '"digest"' }),
    { does: 'its files go on', request: `PUT ${ARTIFACTS}/0/models/{logged}/artifacts/weights`, body: 'all' },
    { does: 'when it is ready it is sealed', request: 'PATCH logged-models/{logged}', body: { status: 'LOGGED_MODEL_READY' }, emits: ['model.version.sealed'] },
    { does: 'and stays as it is', request: `PUT ${ARTIFACTS}/0/models/{logged}/artifacts/weights`, body: 'x', ...sealed },
    { does: 'another model of the same run is free', request: `PUT ${ARTIFACTS}/0/models/m-00000000000000000000000000000000/artifacts/weights`, body: 'x' },
  ])
  story([
    champion('1'),
    { does: 'there is nothing to go back to', request: `POST ${REGISTRY}/rollback`, body: { name: 'm' }, status: 404, holds: { message: /nothing to go back to/ } },
    champion('3'),
    champion('4'),
    { does: 'a rollback from elsewhere is refused', request: `POST ${REGISTRY}/rollback`, body: { name: 'm', expected_version: '3' }, status: 409, holds: { code: 'CONFLICT', details: { version: '4' } } },
    { does: 'it goes to the one before', request: `POST ${REGISTRY}/rollback`, body: { name: 'm', expected_version: '4' }, headers: by('bob', 'pager'), holds: { move: { version: '3', previous: '4', actor: 'bob', reason: 'pager', kind: 'rollback' } }, emits: ['model.alias.moved'] },
    { does: 'a repetition of it is done already', request: `POST ${REGISTRY}/rollback`, body: { name: 'm', expected_version: '4' }, headers: by('bob', 'pager'), holds: { move: { version: '3', seq: 4 } } },
    { does: 'again goes one further back', request: `POST ${REGISTRY}/rollback`, body: { name: 'm' }, holds: { move: { version: '1', previous: '3' } }, emits: ['model.alias.moved'] },
    { does: 'and there it ends', request: `POST ${REGISTRY}/rollback`, body: { name: 'm' }, status: 404 },
    champion('4', { does: 'forward again' }),
    { does: 'an alias that was removed', request: 'DELETE registered-models/alias', body: { name: 'm', alias: 'champion' }, emits: ['model.alias.moved'] },
    { does: 'comes back', request: `POST ${REGISTRY}/rollback`, body: { name: 'm' }, holds: { move: { version: '4', previous: null } }, emits: ['model.alias.moved'] },
    { does: 'one may name the version to go to', request: `POST ${REGISTRY}/rollback`, body: { name: 'm', to_version: '1' }, holds: { move: { version: '1' } }, emits: ['model.alias.moved'] },
    { does: 'of those that held it', request: `POST ${REGISTRY}/rollback`, body: { name: 'm', to_version: '2' }, status: 404, holds: { message: /version 2 never held it/ } },
    champion('3', { does: 'on to a version' }),
    { does: 'whose predecessor is deleted', request: 'DELETE model-versions/delete', body: { name: 'm', version: '1' }, emits: ['model.alias.moved', 'model.version.deleted'].slice(1) },
    { does: 'so that nothing is left to go back to', request: `POST ${REGISTRY}/rollback`, body: { name: 'm' }, status: 404 },
    { does: 'the history tells all of it', request: `GET ${REGISTRY}/history?name=m&alias=champion`, holds: { moves: [{ version: '1' }, { version: '3' }, { version: '4' }, { version: '3', kind: 'rollback' }, { version: '1', kind: 'rollback' }, { version: '4', kind: 'set' }, { version: null }, { version: '4', kind: 'rollback' }, { version: '1', kind: 'rollback' }, { version: '3' }] } },
    { does: 'and who is champion', request: `GET ${REGISTRY}/champion?name=m`, holds: { version: '3', actor: 'ada', reason: 'because of 3' } },
  ])
  story([
    { does: 'where a model comes from', request: 'POST runs/log-batch', body: { run_id: '{run}', params: [{ key: 'depth', value: '3' }], tags: [{ key: 'mlflow.source.git.commit', value: 'abc' }, { key: 'millrace.data.data/raw', value: 'd1.dir' }, { key: 'millrace.features', value: 'weather:wind,weather:rain' }, { key: 'millrace.training.from', value: '2013-01-01' }] } },
    { does: 'is one answer', request: `GET ${REGISTRY}/lineage?name=m&version=3`, holds: { run: { run_id: '{run}' }, commit: 'abc', data: { 'data/raw': 'd1.dir' }, features: ['weather:wind', 'weather:rain'], training_window: { from: '2013-01-01', to: null }, params: { depth: '3' }, metrics: { auc: 0.8 }, aliases: ['champion'], held: [{ alias: 'champion' }, { alias: 'champion' }, { until: null }], digest: /^[0-9a-f]{64}$/ } },
    { does: 'a tag of the version counts before that of the run', request: 'POST model-versions/set-tag', body: { name: 'm', version: '3', key: 'mlflow.source.git.commit', value: 'def' }, emits: ['model.version.tag.set'] },
    { does: 'as the difference to another shows', request: `GET ${REGISTRY}/diff?name=m&version=3&other_version=4`, holds: { differences: [
      { area: 'version', key: 'commit', a: 'def', b: 'abc' }, { area: 'version', key: 'digest' }, { area: 'version', key: 'source' },
      { area: 'tag', key: 'mlflow.source.git.commit', a: 'def', b: null },
      { area: 'file', key: 'MLmodel' }, { area: 'file', key: 'weights', a: null } ] } },
  ])
  story([
    { does: 'a model with a gate', request: 'POST registered-models/create', body: { name: 'gated' }, emits: ['model.created'] },
    version('1', { body: { name: 'gated', source: '{uri}/other', run_id: '{run}' } }),
    { does: 'shows what it asks', request: `GET ${REGISTRY}/gates?name=gated&version=1`, holds: { passed: false, checks: [{ rule: 'metrics.auc >= 0.7', value: 0.8, passed: true }, { rule: "tags.gate = 'passed'", value: 'missing', passed: false }, { name: 'attribute.digest', passed: true }, { name: 'tag.note', passed: true }] } },
    champion('1', { does: 'and refuses what lacks it, with what it lacks', body: { name: 'gated', alias: 'champion', version: '1' }, ...notPassed, holds: { code: 'GATE_NOT_PASSED', message: /tags.gate = 'passed' \(found "missing"\)$/, details: { checks: [{ name: 'tag.gate', passed: false }] } }, emits: [] }),
    { does: 'another alias is free', request: 'POST registered-models/alias', body: { name: 'gated', alias: 'challenger', version: '1' }, emits: ['model.alias.moved'] },
    { does: 'to override it says why', request: 'POST registered-models/alias', body: { name: 'gated', alias: 'champion', version: '1', override_gate: true }, headers: by('ada'), status: 400, holds: { message: /say why/ } },
    { does: 'and needs the right to', request: 'POST registered-models/alias', body: { name: 'gated', alias: 'champion', version: '1', override_gate: true }, headers: by('ada', 'I must'), ...denied },
    { does: 'what passes', request: 'POST model-versions/set-tag', body: { name: 'gated', version: '1', key: 'gate', value: 'passed' }, emits: ['model.version.tag.set'] },
    champion('1', { does: 'becomes champion', body: { name: 'gated', alias: 'champion', version: '1' } }),
  ])
  story([
    { does: 'a guarded model is made by one of the role', request: 'POST registered-models/create', body: { name: 'guarded' }, headers: by('ada'), emits: ['model.created'] },
    version('1', { body: { name: 'guarded', source: '{uri}/other', run_id: '{run}' } }),
    { does: 'its champion moves not by others', request: 'POST registered-models/alias', body: { name: 'guarded', alias: 'champion', version: '1' }, headers: by('bob'), ...denied },
    { does: 'nor by nobody', request: 'POST registered-models/alias', body: { name: 'guarded', alias: 'prod-eu', version: '1' }, ...denied },
    { does: 'an alias without a rule does', request: 'POST registered-models/alias', body: { name: 'guarded', alias: 'mine', version: '1' }, headers: by('bob'), emits: ['model.alias.moved'] },
    { does: 'by one of the role it moves, who says so as MLflow lets its clients', request: 'POST registered-models/alias', body: { name: 'guarded', alias: 'champion', version: '1' }, headers: { authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}` }, emits: ['model.alias.moved'] },
    { does: 'deleting the version would take it', request: 'DELETE model-versions/delete', body: { name: 'guarded', version: '1' }, headers: by('bob'), ...denied },
    { does: 'so nothing is deleted', request: 'GET registered-models/alias?name=guarded&alias=champion', holds: { model_version: { version: '1', aliases: ['champion', 'mine'] } } },
    { does: 'nor may others roll it back', request: `POST ${REGISTRY}/rollback`, body: { name: 'guarded' }, headers: by('bob'), ...denied },
    { does: 'nor take its name away', request: 'DELETE registered-models/delete', body: { name: 'guarded' }, headers: by('bob'), ...denied },
  ])
}
