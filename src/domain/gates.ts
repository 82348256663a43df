import type { GateCheck } from '../api/events.ts'

export interface CandidateThresholds {
  readonly max_calibration_error: number
  readonly max_latency_ms: number
  readonly min_base_rate_gain: number
}

/** What the candidate gate knows of a version. A metric that the run never logged is absent, and fails its check. */
export interface CandidateEvidence {
  /** The run's final metrics: `log_loss`, `base_rate_log_loss`, `ece`, `latency_p99_ms`. */
  readonly metrics: Readonly<Record<string, number>>
  /** Features (`view:feature`) that the version needs from the online store, and those of them that it cannot give. */
  readonly features: { readonly needed: readonly string[]; readonly unavailable: readonly string[] }
}

export interface GateDecision {
  readonly passed: boolean
  readonly checks: readonly GateCheck[]
}

/** Judges a version by its run alone: better than the base rate, calibrated, fast, and with every feature to be had when serving. */
export function decideCandidate({ metrics, features }: CandidateEvidence, thresholds: CandidateThresholds): GateDecision {
  const base = metrics['base_rate_log_loss']
  const ceiling = base === undefined ? undefined : base - thresholds.min_base_rate_gain
  const checks: GateCheck[] = [
    atMost('log_loss', metrics['log_loss'], ceiling, (limit) => `log_loss <= ${round(limit)} (base rate ${round(base ?? NaN)} less ${thresholds.min_base_rate_gain})`),
    atMost('ece', metrics['ece'], thresholds.max_calibration_error, (limit) => `expected calibration error <= ${limit}`),
    atMost('latency_p99_ms', metrics['latency_p99_ms'], thresholds.max_latency_ms, (limit) => `p99 of one row <= ${limit} ms`),
    {
      name: 'features_available',
      passed: features.unavailable.length === 0,
      value: features.unavailable.length === 0 ? features.needed.length : features.unavailable.join(', '),
      rule:
        features.unavailable.length === 0
          ? `all ${features.needed.length} features are served online`
          : `${features.unavailable.length} of ${features.needed.length} features are not served online: ${features.unavailable.join(', ')}`,
    },
  ]
  return { passed: checks.every((check) => check.passed), checks }
}

export interface PromotionTerms {
  /** Of the one-sided lower bound, between 0.5 and 1. */
  readonly confidence: number
  /** In log loss per request; the bound must exceed it. Negative: so much loss is accepted for a fresher model. */
  readonly margin: number
  /** Fewer labelled pairs than this decide nothing: the candidate is refused. */
  readonly min_pairs: number
}

/** Why there may be too few labelled pairs: for whoever reads of the refusal. */
export interface ShadowFacts {
  /** Requests of the shadow period that both versions predicted, with a label or without. */
  readonly predicted: number
  /** How long the model's latest labels took, median, in days; null where none has come. */
  readonly label_delay_days: number | null
  /** Length of the shadow period, as configured (`7d`). */
  readonly shadow: string
}

export interface PairedBound {
  readonly pairs: number
  /** Mean gain of the challenger: the champion's loss less its own. */
  readonly mean: number
  readonly standard_error: number
  readonly lower: number
}

/**
 * One-sided lower confidence bound of the mean of paired differences, by the normal approximation: mean − z(confidence) · s / √n, with s of
 * n − 1 degrees (the paired test of e.g. Dietterich 1998, 10.1162/089976698300017197). Rows count as independent; those of one day share its
 * weather, so the confidence is nominal, and the margin is what a policy should be careful with. Without variance estimate (n < 2): −∞.
 */
export function pairedLowerBound(gains: ArrayLike<number>, confidence: number): PairedBound {
  const pairs = gains.length
  let mean = 0
  let squares = 0
  for (let i = 0; i < pairs; i++) {
    const gain = gains[i] ?? 0
    const delta = gain - mean
    mean += delta / (i + 1)
    squares += delta * (gain - mean)
  }
  if (pairs < 2) return { pairs, mean, standard_error: Infinity, lower: -Infinity }
  const standardError = Math.sqrt(squares / (pairs - 1) / pairs)
  return { pairs, mean, standard_error: standardError, lower: mean - normalQuantile(confidence) * standardError }
}

/** Judges a challenger by what it would have gained on the labelled requests that both versions answered in the shadow period. */
export function decidePromotion(gains: ArrayLike<number>, { confidence, margin, min_pairs }: PromotionTerms, facts?: ShadowFacts): GateDecision {
  const bound = pairedLowerBound(gains, confidence)
  const enough = bound.pairs >= min_pairs
  const rule = `labelled requests that both versions answered >= ${min_pairs}`
  const checks: GateCheck[] = [
    { name: 'labelled_pairs', passed: enough, value: bound.pairs, rule: enough || facts === undefined ? rule : `${rule}; ${tooFew(bound.pairs, min_pairs, facts)}` },
    {
      name: 'log_loss_gain',
      passed: bound.lower > margin,
      value: Number.isFinite(bound.lower) ? bound.lower : 'undefined',
      rule: `${round(100 * confidence)} % lower bound of the paired log-loss gain > ${margin} (mean ${round(bound.mean)}, standard error ${round(bound.standard_error)}, ${bound.pairs} pairs)`,
    },
  ]
  return { passed: checks.every((check) => check.passed), checks }
}

function tooFew(pairs: number, needed: number, { predicted, label_delay_days: delay, shadow }: ShadowFacts): string {
  const found = `only ${pairs} of ${needed} labelled pairs`
  if (predicted < needed) return `${found}: both versions predicted only ${predicted} in the shadow period; raise retraining.shadow (${shadow})`
  const labels = delay === null ? 'no label has come yet' : `labels arrive after ${round(delay)} days (median)`
  return `${found} of ${predicted} that both predicted: ${labels}; raise retraining.shadow (${shadow}) beyond the time that labels take`
}

function atMost(name: string, value: number | undefined, limit: number | undefined, rule: (limit: number) => string): GateCheck {
  if (limit === undefined) return { name, passed: false, value: 'unknown', rule: 'base_rate_log_loss was not logged by the run' }
  if (value === undefined || !Number.isFinite(value)) return { name, passed: false, value: 'unknown', rule: `${rule(limit)}; the run did not log ${name}` }
  return { name, passed: value <= limit, value, rule: rule(limit) }
}

function round(value: number): string {
  return String(Number(value.toPrecision(4)))
}

/**
 * Quantile of the standard normal distribution: Acklam's rational approximation (relative error 1.15e-9).
 * Throws RangeError outside (0, 1).
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`a probability between 0 and 1 was expected, found ${p}`)
  if (p > 0.5) return -normalQuantile(1 - p)
  const polynomial = (coefficients: readonly number[], x: number): number => coefficients.reduce((sum, c) => sum * x + c, 0)
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p))
    return polynomial(TAIL_ABOVE, q) / polynomial(TAIL_BELOW, q)
  }
  const q = p - 0.5
  return (polynomial(CENTRE_ABOVE, q * q) * q) / polynomial(CENTRE_BELOW, q * q)
}

const CENTRE_ABOVE = [-3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1, 2.506628277459239]
const CENTRE_BELOW = [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1]
const TAIL_ABOVE = [-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783]
const TAIL_BELOW = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1]
