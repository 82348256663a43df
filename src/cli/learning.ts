import type { Command } from 'commander'

/** What `train` and `evaluate` share: the training tables and the two models stand in the same places for both. */
export interface LearningOptions {
  readonly features: string
  readonly model: string
  readonly holdout: string
  readonly plots: string
  readonly json?: boolean
}

/** A command of `program` with those options; `plots` names the files it writes into that folder. */
export function learningCommand(program: Command, name: string, description: string, plots: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--features <folder>', 'what `millrace features build` wrote', 'data/features')
    .option('--model <folder>', 'folder of the model to be served', 'model')
    .option('--holdout <folder>', 'folder of its twin that has not seen the held-out rows', 'holdout')
    .option('--plots <folder>', `folder for ${plots}`, 'plots')
    .option('--json', 'print what came out as JSON')
}
