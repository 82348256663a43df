import type { Command } from 'commander'
import { type LearningOptions, learningCommand } from './learning.ts'

interface EvaluateOptions extends LearningOptions {
  readonly metrics: string
}

export function register(program: Command): void {
  learningCommand(program, 'evaluate', 'judge a trained model on the held-out rows and measure its latency, with ONNX Runtime', 'roc.json and calibration.json')
    .option('--metrics <file>', 'file for the metrics', 'metrics.json')
    .action(evaluate)
}

async function evaluate(options: EvaluateOptions): Promise<void> {
  const { evaluateModel } = await import('../training/learners/evaluate-model.ts')
  const metrics = await evaluateModel(options)
  if (options.json) process.stdout.write(`${JSON.stringify(metrics)}\n`)
  else for (const [name, value] of Object.entries(metrics)) process.stdout.write(`${name.padEnd(20)} ${Number.isInteger(value) ? value : value.toPrecision(4)}\n`)
}
