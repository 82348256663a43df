import type { monitorClient } from '../../../sdk/monitor.ts'
import type { Comparison } from '../../api/rollouts.ts'
import type { Lane } from './lane.ts'
import type { ProgressRow } from './store.ts'

const DEFAULT_ALPHA = 0.05

/**
 * Asks the monitor, which has the labels. Where the candidate also runs in shadow, both versions predict the same rows, and pairs need far fewer labels; else each answers rows of its
 * own. Which of the two is the configuration's choice and not that of the data: a choice after looking would spend the alpha twice.
 */
export function compareAt(monitor: Pick<ReturnType<typeof monitorClient>, 'comparison'>): (lane: Lane, row: ProgressRow) => Promise<Comparison> {
  return ({ config, deployment }, { model, rollout_id: rollout, champion, candidate }) =>
    monitor.comparison({
      model,
      rollout,
      champion,
      candidate,
      design: deployment.shadowAliases.includes(config.candidate) ? 'paired' : 'unpaired',
      alpha: config.analysis.quality?.alpha ?? DEFAULT_ALPHA,
    })
}
