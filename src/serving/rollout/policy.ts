import type { Comparison } from '../../api/rollouts.ts'
import { durationMs } from '../../domain/config.ts'
import type { RolloutConfig } from '../../domain/rollout-config.ts'
import type { ArmMeter } from './counts.ts'
import type { ProgressRow } from './store.ts'

export interface Standing {
  readonly config: RolloutConfig
  readonly row: Pick<ProgressRow, 'phase' | 'step' | 'since'>
  readonly champion: ArmMeter
  readonly candidate: ArmMeter
  /** As the monitor last said; undefined where it has not been asked, or could not say. */
  readonly quality: Comparison | undefined
  /** Project time, milliseconds. */
  readonly now: number
}

export type Move =
  | { readonly kind: 'step'; readonly step: number; readonly reason: string }
  | { readonly kind: 'promote'; readonly reason: string }
  /** The policy itself stops here until somebody goes on. */
  | { readonly kind: 'pause'; readonly reason: string }
  | { readonly kind: 'wait'; readonly for: string }

/**
 * Why the candidate must go, or null. Errors and latency are limits, not tests: they are compared with what happened, at every request that fails and every look. The candidate goes
 * as soon as it could not be within its limit even if the rest of `min_requests` went well. Quality is a test that holds at every look.
 */
export function verdict({ config: { analysis }, champion, candidate, quality }: Standing): string | null {
  const { min_requests: least, max_error_rate: rate } = analysis
  const counted = Math.max(candidate.requests, least)
  if (candidate.errors > rate * counted) return `it failed at ${candidate.errors} of ${candidate.requests} requests, more than ${percent(rate)} of ${counted}`
  const usual = champion.requests === 0 ? 0 : champion.refused / champion.requests
  if (candidate.refused > (rate + usual) * counted) return `it refused ${candidate.refused} of ${candidate.requests} requests, more than ${percent(rate)} beyond the ${percent(usual)} that the version before it refuses`
  return latencyVerdict({ analysis, champion, candidate }) ?? qualityVerdict(analysis, quality)
}

function latencyVerdict({ analysis, champion, candidate }: { readonly analysis: RolloutConfig['analysis'] } & Pick<Standing, 'champion' | 'candidate'>): string | null {
  const { min_requests: least, max_latency: limit, max_latency_ratio: ratio } = analysis
  const p99 = candidate.requests < least ? null : candidate.quantile(0.99)
  if (p99 === null) return null
  if (limit !== undefined && p99.above >= durationMs(limit)) return `its p99 is over ${shown(p99.above)} ms, more than ${limit}`
  const before = champion.requests < least ? null : champion.quantile(0.99)
  if (ratio !== undefined && before !== null && p99.above >= ratio * before.atMost) return `its p99 is over ${shown(p99.above)} ms, more than ${ratio} times the ${shown(before.atMost)} ms of the version before it`
  return null
}

function qualityVerdict({ quality: asked }: RolloutConfig['analysis'], found: Comparison | undefined): string | null {
  if (!asked || !found) return null
  const floor = asked.require === 'not_worse' ? -asked.margin : 0
  return found.upper < floor ? `its log loss is worse: ${interval(found)}` : null
}

/** What comes next, of a candidate that may stay. */
export function nextMove(standing: Standing): Move {
  const { config, row, candidate, now } = standing
  const { steps, analysis } = config
  const step = steps[row.step]
  if (row.phase !== 'progressing' || step === undefined) return { kind: 'wait', for: 'millrace deploy resume, promote or abort' }
  if (step.pause === undefined) return { kind: 'pause', reason: `step ${row.step + 1} lasts until it is resumed` }
  const left = row.since + durationMs(step.pause) - now
  if (left > 0) return { kind: 'wait', for: `project time ${new Date(row.since + durationMs(step.pause)).toISOString()}` }
  if (step.weight > 0 && candidate.requests < analysis.min_requests) return { kind: 'wait', for: `${analysis.min_requests - candidate.requests} more requests to the candidate` }
  return beyond(standing)
}

/** What follows the present step once it is over. */
export function beyond({ config, row, quality }: Standing): Move {
  const { steps, analysis, promotion } = config
  const next = steps[row.step + 1]
  if (next) return { kind: 'step', step: row.step + 1, reason: `step ${row.step + 1} is over` }
  const open = missingEvidence(analysis, quality)
  if (open !== null) return { kind: 'wait', for: open }
  const reason = analysis.quality && quality ? `all steps are over: ${interval(quality)}` : 'all steps are over'
  return promotion === 'automatic' ? { kind: 'promote', reason } : { kind: 'pause', reason: `${reason}; it waits to be promoted` }
}

function missingEvidence({ quality: asked }: RolloutConfig['analysis'], found: Comparison | undefined): string | null {
  if (!asked || asked.require === 'nothing') return null
  const floor = asked.require === 'better' ? asked.margin : -asked.margin
  if (found && found.lower > floor) return null
  const words = asked.require === 'better' ? `better by more than ${asked.margin}` : `worse by ${asked.margin} at most`
  return `labels that show it ${words}${found ? ` (${interval(found)})` : ''}`
}

function interval({ gain, lower, upper, alpha, rows }: Comparison): string {
  const labelled = rows.champion === rows.candidate ? `${rows.champion}` : `${rows.champion} and ${rows.candidate}`
  return `gain in log loss ${gain === null ? 'unknown' : shown(gain)}, between ${shown(lower)} and ${shown(upper)} with confidence ${1 - alpha} on ${labelled} labelled rows`
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}

function shown(value: number): string {
  return String(Number(value.toPrecision(3)))
}
