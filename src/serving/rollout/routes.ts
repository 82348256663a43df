import { MillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'
import type { Rollouts } from './rollouts.ts'
import { actionBody, actionParams, rolloutParams } from './schema.ts'

export function registerRolloutRoutes(http: HttpServer, rollouts: Rollouts): void {
  const tags = ['deployments']
  http.get('/deployments/:model/rollout', { schema: { params: rolloutParams, tags, summary: 'How far a new version is on its way' } }, ({ params }) => {
    const state = rollouts.state(params.model)
    if (state) return state
    throw new MillraceError('NOT_FOUND', `no version of ${params.model} has been rolled out yet`)
  })
  http.post('/deployments/:model/rollout/:action', { schema: { params: actionParams, body: actionBody, tags, summary: 'Starts, pauses, resumes, promotes or aborts it' } }, ({ params, body }) => {
    if (body.version !== undefined && params.action !== 'start') throw new MillraceError('BAD_REQUEST', `version is for start, not for ${params.action}`)
    return rollouts.act(params.model, params.action, body)
  })
}
