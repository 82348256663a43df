import type { Execution } from '../../../api/pipelines.ts'
import type { StageEvent } from '../index.ts'

type Stages = Execution['stages']

const DONE = new Set(['finished', 'restored'])

/**
 * The stages of an execution after one more event. What an earlier process of the same execution finished stays finished: that the pipeline now finds it
 * unchanged is only because of that.
 */
export function withEvent(stages: Stages, { name, state, seconds }: StageEvent): Stages {
  const known = stages.find((stage) => stage.name === name)
  if (known !== undefined && DONE.has(known.state) && state === 'cached') return stages
  const next = { name, state: state === 'started' ? 'running' : state, seconds: state === 'started' ? null : seconds }
  return known === undefined ? [...stages, next] : stages.map((stage) => (stage === known ? next : stage))
}

/** Names the stages that are to come, so that whoever looks on sees the way that is left. */
export function withPlan(stages: Stages, names: readonly string[]): Stages {
  const known = new Set(stages.map(({ name }) => name))
  return [...stages, ...names.filter((name) => !known.has(name)).map((name) => ({ name, state: 'waiting', seconds: null }))]
}
