/**
 * Quality of a binary classifier: `scores` are probabilities of class 1, `labels` are 0 or 1, both of one length. A metric that is not
 * defined for the given rows (no rows; AUC of one class only) is NaN.
 */

/** Area under the ROC curve: the chance that a random positive scores above a random negative, ties counting half (Mann–Whitney). */
export function rocAuc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = ascending(scores)
  let rankSum = 0
  let positives = 0
  for (let start = 0; start < order.length; ) {
    let end = start + 1
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) end++
    const rank = (start + 1 + end) / 2
    for (let i = start; i < end; i++) {
      if (labels[order[i]!] === 1) {
        rankSum += rank
        positives++
      }
    }
    start = end
  }
  const negatives = order.length - positives
  if (positives === 0 || negatives === 0) return Number.NaN
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}

/** Row numbers by ascending score; rows of one score in their old order. */
export function ascending(scores: ArrayLike<number>): Uint32Array {
  const order = new Uint32Array(scores.length)
  for (let i = 0; i < order.length; i++) order[i] = i
  return order.sort((a, b) => scores[a]! - scores[b]! || a - b)
}

/** Probabilities are kept so far from 0 and 1, as scikit-learn does for float64, so that one certain mistake costs 36 and not infinity. */
const CLIP = Number.EPSILON

/** −ln of the probability that was given to what happened. */
export function rowLogLoss(score: number, label: number): number {
  const p = Math.min(1 - CLIP, Math.max(CLIP, score))
  return -Math.log(label === 1 ? p : 1 - p)
}

/** Mean of `rowLogLoss`. */
export function logLoss(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  return meanOver(scores, labels, rowLogLoss)
}

/** Mean squared difference of probability and label. */
export function brier(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  return meanOver(scores, labels, (score, label) => (score - label) ** 2)
}

/** Share of rows whose class at the threshold is the label. */
export function accuracy(scores: ArrayLike<number>, labels: ArrayLike<number>, threshold = 0.5): number {
  return meanOver(scores, labels, (score, label) => (score >= threshold ? label : 1 - label))
}

/** Share of positives. */
export function baseRate(labels: ArrayLike<number>): number {
  return meanOver(labels, labels, (label) => label)
}

/** Log loss of always predicting `rate` where a share `actual` of the rows is positive. */
export function constantLogLoss(rate: number, actual: number): number {
  return actual * rowLogLoss(rate, 1) + (1 - actual) * rowLogLoss(rate, 0)
}

function meanOver(scores: ArrayLike<number>, labels: ArrayLike<number>, value: (score: number, label: number) => number): number {
  let sum = 0
  for (let i = 0; i < scores.length; i++) sum += value(scores[i]!, labels[i]!)
  return sum / scores.length
}

export interface CalibrationBin {
  /** Mean predicted probability of the bin's rows. */
  readonly predicted: number
  /** Share of positives among them. */
  readonly observed: number
  readonly rows: number
}

/** Rows in up to `bins` groups of equal size by score; rows of one score stay together. Empty for no rows. */
export function calibrationBins(scores: ArrayLike<number>, labels: ArrayLike<number>, bins = 10): CalibrationBin[] {
  const order = ascending(scores)
  const found: CalibrationBin[] = []
  for (let start = 0, bin = 1; start < order.length; bin++) {
    let end = Math.max(start + 1, Math.round((order.length * bin) / bins))
    while (end < order.length && scores[order[end]!] === scores[order[end - 1]!]) end++
    let predicted = 0
    let observed = 0
    for (let i = start; i < end; i++) {
      predicted += scores[order[i]!]!
      observed += labels[order[i]!]!
    }
    found.push({ predicted: predicted / (end - start), observed: observed / (end - start), rows: end - start })
    start = end
  }
  return found
}

/** Mean distance of predicted and observed over `calibrationBins`, by rows (Naeini et al. 2015, with bins of equal size). */
export function expectedCalibrationError(scores: ArrayLike<number>, labels: ArrayLike<number>, bins = 10): number {
  if (scores.length === 0) return Number.NaN
  return calibrationBins(scores, labels, bins).reduce((sum, bin) => sum + Math.abs(bin.predicted - bin.observed) * bin.rows, 0) / scores.length
}
