import type { Command } from 'commander'

interface EvaluateOptions {
  readonly features: string
  readonly model: string
  readonly holdout: string
  readonly metrics: string
  readonly plots: string
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('evaluate')
    .description('judge a trained model on the held-out rows and measure its latency, with ONNX Runtime')
    .option('--features <folder>', 'what `millrace features build` wrote', 'data/features')
    .option('--model <folder>', 'the model to be served', 'model')
    .option('--holdout <folder>', 'its twin that has not seen the held-out rows', 'holdout')
    .option('--metrics <file>', 'file for the metrics', 'metrics.json')
    .option('--plots <folder>', 'folder for roc.json and calibration.json', 'plots')
    .option('--json', 'print the metrics as JSON')
    .action(evaluate)
}

async function evaluate(options: EvaluateOptions): Promise<void> {
  const { evaluateModel } = await import('../training/learners/evaluate-model.ts')
  const metrics = await evaluateModel(options)
  if (options.json) process.stdout.write(`${JSON.stringify(metrics)}\n`)
  else for (const [name, value] of Object.entries(metrics)) process.stdout.write(`${name.padEnd(20)} ${Number.isInteger(value) ? value : value.toPrecision(4)}\n`)
}
