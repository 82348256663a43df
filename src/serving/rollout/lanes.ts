import type { DeploymentConfig } from '../../domain/config.ts'
import type { RolloutConfig } from '../../domain/rollout-config.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Deployment } from '../routing/deployment.ts'
import { Lane } from './lane.ts'

/**
 * A lane for each deployment that has a rollout. CONFIG_INVALID says what contradicts itself. `registry` is false where models come from a folder,
 * whose aliases do not move; `failed` hears of each request at which a candidate failed.
 */
export function makeLanes(configs: readonly DeploymentConfig[], deployments: readonly Deployment[], registry: boolean, failed: (model: string) => void): readonly Lane[] {
  return configs.flatMap(({ model, alias, rollout }) => {
    const deployment = deployments.find(({ name }) => name === model)
    if (!rollout || !deployment) return []
    const where = `deployments: ${model}: rollout`
    if (!registry) throw new MillraceError('CONFIG_INVALID', `${where}: a folder of models has no aliases to roll out; that takes the registry`)
    if (rollout.candidate === alias) throw new MillraceError('CONFIG_INVALID', `${where}.candidate is ${alias}, the alias that answers; expected another`)
    checkSteps(rollout, where)
    checkSticky(rollout, where)
    return [new Lane(deployment, rollout, () => failed(model))]
  })
}

function checkSteps({ steps }: RolloutConfig, where: string): void {
  for (const [i, { weight }] of steps.entries()) {
    const before = steps[i - 1]?.weight ?? 0
    if (weight < before) throw new MillraceError('CONFIG_INVALID', `${where}.steps[${i}].weight is ${weight}, less than the ${before} before it: a request's key would go back`)
  }
}

function checkSticky({ sticky }: RolloutConfig, where: string): void {
  if (sticky && (sticky.header === undefined) === (sticky.column === undefined)) throw new MillraceError('CONFIG_INVALID', `${where}.sticky: expected either header or column`)
}
