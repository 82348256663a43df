import type { FeatureSpec } from '../../domain/feature-spec.ts'
import type { Evaluation } from './evaluation.ts'
import type { TreeParameters } from './trees/parameters.ts'

export interface ModelCardFacts {
  readonly spec: FeatureSpec
  readonly parameters: TreeParameters
  readonly shuffled: boolean
  readonly rows: number
  readonly positives: number
  /** Moments of prediction of the first and last training row, milliseconds. */
  readonly period: readonly [first: number, last: number]
  readonly holdoutRows: number
  /** null where nothing was held out. */
  readonly holdout: Evaluation | null
  /** Inputs of the model by falling importance, as shares of the total gain. */
  readonly importance: readonly { readonly name: string; readonly share: number }[]
}

/** For people: what the model is, what it learned from, how good it is, and what to mind (after Mitchell et al. 2019, arXiv 1810.03993). */
export function modelCard(facts: ModelCardFacts): string {
  const { spec, parameters, period } = facts
  const day = (time: number) => new Date(time).toISOString().slice(0, 10)
  return [
    `# ${spec.service}`,
    '',
    `A binary classifier: ${parameters.num_iterations} gradient-boosted trees of up to ${parameters.num_leaves} leaves, trained by Millrace, stored as ONNX.`,
    ...(facts.shuffled ? ['', '**Its labels were shuffled on purpose. It has learned nothing and must not be served.**'] : []),
    '',
    '## Data',
    '',
    `- ${facts.rows} labelled rows with moments of prediction from ${day(period[0])} to ${day(period[1])} (UTC), ${percent(facts.positives / facts.rows)} of them positive.`,
    `- Every feature of the store is as it was known at the moment of prediction, so that nothing later leaks in: ${spec.online.join(', ') || 'none is used'}.`,
    '',
    '## Quality',
    '',
    ...quality(facts),
    '',
    '## What it looks at',
    '',
    '| input | share of gain |',
    '|---|---|',
    ...facts.importance.map(({ name, share }) => `| ${name} | ${percent(share)} |`),
    '',
    '## Limits',
    '',
    '- It knows the seasons that it was trained on, and no other: compare live quality with the figures above.',
    '- A category that it has not seen, or too rarely, counts as missing.',
    ...spec.numeric.filter((input) => input.fill !== null).length > 0 ? ['- Numbers that are seldom missing in training are filled with their training median (`fill` in features.json).'] : [],
    '',
    '## Parameters',
    '',
    '```json',
    JSON.stringify(parameters, null, 2),
    '```',
    '',
  ].join('\n')
}

function quality({ holdout, holdoutRows, parameters }: ModelCardFacts): string[] {
  if (holdout === null) return ['Nothing was held out, so nothing can be said of its quality.']
  const figure = (value: number) => (Number.isNaN(value) ? 'not defined' : value.toFixed(4))
  return [
    `Measured on the last ${holdoutRows} rows by a model of the same parameters that had not learned from them${parameters.early_stopping_round > 0 ? ' (its number of trees was chosen there)' : ''}; this model was then fitted on all rows.`,
    '',
    '| metric | value |',
    '|---|---|',
    `| AUC | ${figure(holdout.auc)} |`,
    `| log loss | ${figure(holdout.log_loss)} (base rate: ${figure(holdout.base_rate_log_loss)}) |`,
    `| expected calibration error | ${figure(holdout.ece)} |`,
    `| Brier score | ${figure(holdout.brier)} |`,
  ]
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
