import type { ServiceUnderTest } from '../../testing.ts'

const invalid = { error_code: 'INVALID_PARAMETER_VALUE' }
const missing = { error_code: 'RESOURCE_DOES_NOT_EXIST' }
const created = [{ entity: 'MODEL_VERSION', action: 'CREATED' }]

/** The service's configuration is the standard one: only https, only public addresses. */
export function webhookStories({ story }: ServiceUnderTest): void {
  const hook = (change: object = {}) => ({ name: 'to-ci', url: 'https://8.8.8.8/hook', events: created, ...change })
  story([
    { does: 'a webhook is made, and its secret never told', request: 'POST webhooks', body: hook({ secret: 'hush', description: 'tells CI' }), holds: { webhook: { name: 'to-ci', url: 'https://8.8.8.8/hook', status: 'ACTIVE', description: 'tells CI', events: created } }, lacks: 'hush', keeps: { hook: 'webhook.webhook_id' } },
    { does: 'it is read without the secret', request: 'GET webhooks/{hook}', holds: { webhook: { webhook_id: '{hook}' } }, lacks: 'hush' },
    { does: 'events may be named by number, and count once', request: 'POST webhooks', body: hook({ name: 'second', events: [{ entity: 4, action: 1 }, { entity: 'MODEL_VERSION_ALIAS', action: 'CREATED' }], status: 'DISABLED' }), holds: { webhook: { status: 'DISABLED', events: [{ entity: 'MODEL_VERSION_ALIAS', action: 'CREATED' }] } }, keeps: { second: 'webhook.webhook_id' } },
    { does: 'all are listed, the newest first, in pages', request: 'GET webhooks?max_results=1', holds: { webhooks: [{}] }, lacks: 'hush', keeps: { token: 'next_page_token' } },
    { does: 'that go on', request: 'GET webhooks?max_results=1&page_token={token}', holds: { webhooks: [{}] }, lacks: 'next_page_token' },
    { does: 'it is changed in part', request: 'PATCH webhooks/{hook}', body: { name: 'renamed', status: 'DISABLED', events: [{ entity: 'REGISTERED_MODEL', action: 'CREATED' }] }, holds: { webhook: { name: 'renamed', url: 'https://8.8.8.8/hook', status: 'DISABLED', events: [{ entity: 'REGISTERED_MODEL' }], description: 'tells CI' } } },
    { does: 'empty fields change nothing', request: 'PATCH webhooks/{hook}', body: { name: '', url: '', events: [] }, holds: { webhook: { name: 'renamed', events: [{ entity: 'REGISTERED_MODEL' }] } } },
    { does: 'an action that the entity has not is refused', request: 'POST webhooks', body: hook({ events: [{ entity: 'MODEL_VERSION', action: 'DELETED' }] }), status: 400, holds: { ...invalid, message: /Invalid action 'deleted' for entity 'model_version'. Valid actions are: \['created'\]/ } },
    { does: 'as are no events', request: 'POST webhooks', body: hook({ events: [] }), status: 400, holds: invalid },
    { does: 'and events that are none', request: 'POST webhooks', body: hook({ events: [{ entity: 'PLANET', action: 'CREATED' }] }), status: 400, holds: invalid },
    { does: 'and a name that is none', request: 'POST webhooks', body: hook({ name: 'a b' }), status: 400, holds: { ...invalid, message: /must start and end with a letter or digit/ } },
    { does: 'a missing name is named', request: 'POST webhooks', body: { url: 'https://8.8.8.8/', events: created }, status: 400, holds: { ...invalid, message: /'name'/ } },
    { does: 'the log of deliveries is empty at first', request: 'GET /api/2.0/millrace/webhooks/{hook}/deliveries', holds: { deliveries: [] } },
    { does: 'what was not delivered is not delivered again', request: 'POST /api/2.0/millrace/webhooks/{hook}/deliveries/none/redeliver', body: {}, status: 404, holds: missing },
    { does: 'it is deleted', request: 'DELETE webhooks/{hook}', holds: {} },
    { does: 'and is gone', request: 'GET webhooks/{hook}', status: 404, holds: missing },
    { does: 'for changes too', request: 'PATCH webhooks/{hook}', body: { name: 'x' }, status: 404, holds: missing },
    { does: 'for tests too', request: 'POST webhooks/{hook}/test', body: {}, status: 404, holds: missing },
    { does: 'and cannot be deleted again', request: 'DELETE webhooks/{hook}', status: 404, holds: missing },
  ])
  // Server-side request forgery (CVE-2026-2393, CVE-2026-64849): neither made nor changed to.
  for (const url of [
    'http://8.8.8.8/', 'https://127.0.0.1/', 'https://localhost/', 'https://127.1/', 'https://0x7f.1/', 'https://2130706433/', 'https://[::1]/', 'https://[::ffff:127.0.0.1]/', 'https://10.0.0.1/',
    'https://192.168.0.1:8443/x', 'https://169.254.169.254/latest/meta-data/', 'https://[fe80::1]/', 'https://[fd00::1]/', 'https://[64:ff9b::a9fe:a9fe]/', 'https://0.0.0.0/', 'https://user:pass@8.8.8.8/',
    'file:///etc/passwd', 'ftp://8.8.8.8/', 'gopher://8.8.8.8/', 'https://', 'javascript:alert(1)', '//8.8.8.8/', 'https://no-such-host.invalid/',
  ]) {
    story([
      { does: `${url} is refused when a webhook is made`, request: 'POST webhooks', body: hook({ url }), status: 400, holds: invalid },
      { does: `${url} is refused when it is changed`, request: 'PATCH webhooks/{second}', body: { url }, status: 400, holds: invalid },
    ])
  }
}
