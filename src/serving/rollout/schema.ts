import Type from 'typebox'
import { ROLLOUT_ACTIONS } from '../../api/rollouts.ts'

export const rolloutParams = Type.Object({ model: Type.String() })
export const actionParams = Type.Object({ model: Type.String(), action: Type.Union(ROLLOUT_ACTIONS.map((action) => Type.Literal(action))) })
export const actionBody = Type.Object(
  {
    actor: Type.String({ minLength: 1, maxLength: 200, description: 'Who' }),
    reason: Type.String({ maxLength: 2000, default: '', description: 'Why' }),
    version: Type.Optional(Type.String({ minLength: 1, maxLength: 50, description: 'Of start: the version to try; the candidate alias is moved to it' })),
  },
  { additionalProperties: false },
)
