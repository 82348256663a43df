import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseFeatureSpec } from '../../domain/feature-spec.ts'
import { baseRate } from '../../domain/metrics.ts'
import { toMillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { fitTwice, scoreTable, type FittedClassifier } from './classifier.ts'
import { evaluateScores, type Evaluation } from './evaluation.ts'
import { modelCard } from './model-card.ts'
import { writeModelFolder, writeScorer } from './model-folder.ts'
import { concatRows, readTrainingTable, requireBothClasses, shuffleLabels, type TrainingTable } from './table.ts'
import { featureImportance } from './trees/model.ts'
import type { TreeParameters } from './trees/parameters.ts'
import type { IterationMetrics } from './trees/train.ts'

export interface TrainModelOptions {
  /** Folder with `train.parquet`, `test.parquet` and `features.json`. */
  readonly features: string
  /** Folder of the model that is to be served. */
  readonly model: string
  /** Folder of the model that has not seen the test rows, for an honest evaluation. */
  readonly holdout: string
  /** Folder for `training.json` and `importance.json`. */
  readonly plots: string
  readonly parameters: TreeParameters
  readonly shuffleLabels: boolean
  readonly onIteration?: (metrics: IterationMetrics, of: number) => void
  readonly signal?: AbortSignal
}

export interface TrainedModel {
  readonly rows: number
  /** On the held-out rows; null where there are none. */
  readonly holdout: Evaluation | null
}

/**
 * Trains twice: on the training rows, to be judged on the later test rows; then on all rows, since the newest tell most of what comes next.
 * The second is the model to be served. Both have the same parameters and number of trees, so the first stands for the second.
 */
export async function trainModel(options: TrainModelOptions): Promise<TrainedModel> {
  const spec = parseFeatureSpec(readSpec(options.features), join(options.features, 'features.json'))
  const trainFile = join(options.features, 'train.parquet')
  const read = await readTrainingTable(trainFile, spec)
  requireBothClasses(read, trainFile)
  const train = options.shuffleLabels ? shuffleLabels(read, options.parameters.seed) : read
  const test = await readTrainingTable(join(options.features, 'test.parquet'), spec)
  const known = options.shuffleLabels ? shuffleLabels(test, options.parameters.seed) : test
  const { parameters, signal } = options
  const { judged, served } = await fitTwice(spec, train, known, parameters, {
    ...(signal === undefined ? {} : { signal }),
    onIteration: (metrics) => options.onIteration?.(metrics, parameters.num_iterations),
  })
  writeScorer(options.holdout, judged)
  // Always against the truth, so that a model of shuffled labels shows what it is.
  const evaluation = test.rows > 0 ? evaluateScores(scoreTable(judged, test), test.labels, baseRate(train.labels)) : null
  const all = test.rows > 0 ? concatRows(train, known) : train
  const importance = importanceOf(served)
  const period = periodOf(all)
  const card = modelCard({
    spec: served.spec,
    parameters: { ...parameters, num_iterations: served.model.trees.length },
    shuffled: options.shuffleLabels,
    rows: all.rows,
    positives: all.labels.reduce((sum, label) => sum + label, 0),
    period,
    holdoutRows: test.rows,
    holdout: evaluation,
    importance: importance.map(({ name, gain_share }) => ({ name, share: gain_share })),
  })
  await writeModelFolder(options.model, served, all, trainFile, card, period)
  writePlot(join(options.plots, 'training.json'), judged.history)
  writePlot(join(options.plots, 'importance.json'), importance)
  return { rows: all.rows, holdout: evaluation }
}

function readSpec(folder: string): string {
  const file = join(folder, 'features.json')
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw toMillraceError(error, `reading ${file}, which \`millrace features build\` writes`)
  }
}

function importanceOf({ spec, model }: FittedClassifier): { name: string; gain: number; gain_share: number; splits: number }[] {
  const { gain, split } = featureImportance(model)
  const total = gain.reduce((sum, value) => sum + value, 0) || 1
  return [...spec.numeric, ...spec.categorical]
    .map(({ name }, i) => ({ name, gain: gain[i]!, gain_share: gain[i]! / total, splits: split[i]! }))
    .sort((a, b) => b.gain - a.gain)
}

function periodOf(table: TrainingTable): [number, number] {
  let [first, last] = [Infinity, -Infinity]
  for (const moment of table.moments) {
    first = Math.min(first, moment)
    last = Math.max(last, moment)
  }
  return [first, last]
}

/** A list of objects, one a line: DVC's form for plots, which git can compare. */
export function writePlot(file: string, points: readonly object[]): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileDurable(file, `[\n${points.map((point) => JSON.stringify(point)).join(',\n')}\n]\n`)
}
