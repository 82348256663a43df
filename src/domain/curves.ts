import { ascending } from './metrics.ts'

export interface RocPoint {
  readonly threshold: number
  /** Share of negatives scored at or above the threshold. */
  readonly fpr: number
  /** Share of positives scored at or above the threshold. */
  readonly tpr: number
}

/**
 * The ROC curve from (0, 0) to (1, 1), both always there; at most `limit` points, those in between chosen evenly along the curve.
 * Empty where one class is missing.
 */
export function rocCurve(scores: ArrayLike<number>, labels: ArrayLike<number>, limit = 200): RocPoint[] {
  const order = ascending(scores)
  let positives = 0
  for (let i = 0; i < labels.length; i++) positives += labels[i]!
  const negatives = labels.length - positives
  if (positives === 0 || negatives === 0) return []
  const points: RocPoint[] = [{ threshold: Infinity, fpr: 0, tpr: 0 }]
  let tp = 0
  let fp = 0
  for (let i = order.length - 1; i >= 0; i--) {
    const score = scores[order[i]!]!
    if (labels[order[i]!] === 1) tp++
    else fp++
    const lastOfScore = i === 0 || scores[order[i - 1]!] !== score
    if (lastOfScore) points.push({ threshold: score, fpr: fp / negatives, tpr: tp / positives })
  }
  return thinned(points, Math.max(2, limit))
}

/** Keeps both ends and points about equally far apart (in fpr + tpr, which never falls along the curve). */
function thinned(points: readonly RocPoint[], limit: number): RocPoint[] {
  if (points.length <= limit) return [...points]
  const last = points.length - 1
  const kept = [points[0]!]
  for (let i = 1; i < last; i++) {
    const travelled = points[i]!.fpr + points[i]!.tpr
    if (travelled >= (kept.length * 2) / (limit - 1) && kept.length < limit - 1) kept.push(points[i]!)
  }
  kept.push(points[last]!)
  return kept
}
