import type { Overview } from '../../../src/api/overview.ts'
import { formatGain, formatScore } from '../shared/format.ts'
import { loopWorth } from './series.ts'

/** What the loop is worth, in two figures: how much better its champion is than the model that was never replaced. */
export function LoopWorth({ overview }: { overview: Overview }) {
  const worth = loopWorth(overview)
  return (
    <dl className="heart heart-worth">
      <div>
        <dt>What the loop is worth</dt>
        <dd className="heart-figure">
          {worth === null ? '–' : formatGain(worth.champion.auc - worth.frozen.auc)} <small>AUC</small>
        </dd>
        <dd className="heart-note">
          {worth === null
            ? 'shown once both have labels'
            : `${formatScore(worth.champion.auc)} against ${formatScore(worth.frozen.auc)} frozen`}
        </dd>
      </div>
      <div>
        <dt>{worth === null ? 'Log loss' : `Mean of ${worth.periods} ${worth.periods === 1 ? 'month' : 'months'}`}</dt>
        <dd className="heart-figure heart-small">
          {worth === null ? '–' : formatGain(worth.champion.log_loss - worth.frozen.log_loss)} <small>log loss</small>
        </dd>
        <dd className="heart-note">
          {worth === null ? 'lower is better' : `${formatScore(worth.champion.log_loss)} against ${formatScore(worth.frozen.log_loss)} frozen`}
        </dd>
      </div>
    </dl>
  )
}
