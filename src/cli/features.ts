import { join } from 'node:path'
import type { Command } from 'commander'
import { MillraceError } from '../platform/errors/index.ts'
import type { FeatureDefinitions, FeatureService } from '../data/features/definition.ts'

interface BuildOptions {
  readonly definitions: string
  readonly params: string
  readonly out: string
  readonly json?: boolean
}

export function register(program: Command): void {
  const features = program.command('features').description('feature definitions and training tables')
  features
    .command('build')
    .description('join the features as of each moment of prediction and write the tables to learn from and to be judged on')
    .option('--definitions <folder>', 'folder of the feature definitions', 'features')
    .option('--params <file>', 'parameters; the section `features` is read', 'params.yaml')
    .option('--out <folder>', 'folder for train.parquet, test.parquet and features.json', 'data/features')
    .option('--json', 'print what was built as JSON')
    .action(build)
  features
    .command('check')
    .description('say whether the feature definitions are well-formed and fit together')
    .option('--definitions <folder>', 'folder of the feature definitions', 'features')
    .action(check)
}

async function build(options: BuildOptions): Promise<void> {
  const { buildFeatures } = await import('../data/features/build.ts')
  const { readDefinitions } = await import('../data/features/parse.ts')
  const { readParams } = await import('./params.ts')
  const { features: params } = readParams(options.params)
  const definitions = readDefinitions(options.definitions)
  const service = chooseService(definitions, params.service, options.params)
  const built = await buildFeatures(definitions, service, {
    root: process.cwd(),
    out: options.out,
    sample: params.sample,
    holdoutDays: params.holdoutDays,
    ...(params.memory === undefined ? {} : { memory: params.memory }),
  })
  const summary = { service: service.name, train_rows: built.trainRows, test_rows: built.testRows, held_out_after: built.cut, out: options.out }
  process.stdout.write(
    options.json
      ? `${JSON.stringify(summary)}\n`
      : `features of ${service.name}: ${built.trainRows} rows to learn from, ${built.testRows} held out (after ${built.cut}) in ${join(options.out, '')}\n`,
  )
}

async function check(options: { readonly definitions: string }): Promise<void> {
  const { readDefinitions } = await import('../data/features/parse.ts')
  const { entities, views, services } = readDefinitions(options.definitions)
  process.stdout.write(`${options.definitions}: ${entities.size} entities, ${views.size} feature views, ${services.size} feature services\n`)
}

function chooseService(definitions: FeatureDefinitions, name: string | undefined, params: string): FeatureService {
  const known = [...definitions.services.keys()].join(', ') || 'none'
  const [only, ...others] = definitions.services.values()
  const chosen = name === undefined ? (others.length === 0 ? only : undefined) : definitions.services.get(name)
  if (chosen === undefined) {
    throw new MillraceError('FEATURES_INVALID', `${params}: features.service: found ${name ?? 'nothing'}, expected one of the feature services: ${known}`)
  }
  return chosen
}
