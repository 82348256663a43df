import { accuracy, baseRate, brier, constantLogLoss, expectedCalibrationError, logLoss, rocAuc } from '../../domain/metrics.ts'

/** How a model does on rows that it has not seen. The names are those of metrics.json, of the run, and of the gate. */
export interface Evaluation {
  readonly rows: number
  readonly auc: number
  readonly log_loss: number
  readonly ece: number
  readonly brier: number
  readonly accuracy: number
  /** Share of positives among the rows. */
  readonly base_rate: number
  /** Log loss on these rows of always predicting the training rows' share of positives, which is what one could do without a model. */
  readonly base_rate_log_loss: number
}

export function evaluateScores(scores: Float64Array, labels: Float64Array, trainingRate: number): Evaluation {
  const rate = baseRate(labels)
  return {
    rows: labels.length,
    auc: rocAuc(scores, labels),
    log_loss: logLoss(scores, labels),
    ece: expectedCalibrationError(scores, labels),
    brier: brier(scores, labels),
    accuracy: accuracy(scores, labels),
    base_rate: rate,
    base_rate_log_loss: constantLogLoss(trainingRate, rate),
  }
}
