import type { Command } from 'commander'
import { type LearningOptions, learningCommand } from './learning.ts'

interface TrainOptions extends LearningOptions {
  readonly params: string
}

export function register(program: Command): void {
  learningCommand(program, 'train', 'train gradient-boosted trees on a training table and write the model as ONNX, in MLflow’s layout', 'training.json and importance.json')
    .option('--params <file>', 'parameters; the section `train` is read', 'params.yaml')
    .action(train)
}

async function train(options: TrainOptions): Promise<void> {
  const { trainModel } = await import('../training/learners/train-model.ts')
  const { readParams } = await import('./params.ts')
  const { train: params } = readParams(options.params)
  const trained = await trainModel({
    features: options.features,
    model: options.model,
    holdout: options.holdout,
    plots: options.plots,
    parameters: params.learner,
    shuffleLabels: params.shuffleLabels,
    onIteration: ({ iteration, train: loss, validation }, of) => {
      if (iteration % 50 !== 0 || options.json) return
      process.stdout.write(`iteration ${iteration} of ${of}: loss ${loss.toFixed(4)}${validation === undefined ? '' : `, held out ${validation.toFixed(4)}`}\n`)
    },
  })
  if (options.json) process.stdout.write(`${JSON.stringify(trained)}\n`)
  else {
    const quality = trained.holdout === null ? 'nothing was held out' : `held out: AUC ${trained.holdout.auc.toFixed(4)}, log loss ${trained.holdout.log_loss.toFixed(4)}`
    process.stdout.write(`${options.model}: trained on ${trained.rows} rows; ${quality}\n`)
  }
}
