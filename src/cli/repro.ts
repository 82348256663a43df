import { relative } from 'node:path'
import type { Command } from 'commander'
import type { StageEvent, StageOutput } from '../data/pipeline/index.ts'

interface ReproFlags {
  readonly force?: boolean
  readonly singleItem?: boolean
  readonly setParam?: readonly string[]
  readonly quiet?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('repro')
    .description('run the stages of dvc.yaml whose command, inputs, parameters or outputs have changed')
    .argument('[targets...]', 'stages, outputs or pipeline files, with what they need (default: all of ./dvc.yaml)')
    .option('-f, --force', 'run stages that have not changed too')
    .option('-s, --single-item', 'run only the targets, not what they need')
    .option('-S, --set-param <[file:]key=value...>', 'set parameters in their file first')
    .option('-q, --quiet', 'leave out what the stages print')
    .option('--json', 'print what was done as JSON; what the stages print goes to standard error')
    .action(run)
}

async function run(targets: readonly string[], flags: ReproFlags): Promise<void> {
  const { parseParamChange, repro, setParams } = await import('../data/pipeline/index.ts')
  const { openProject } = await import('../data/versioning/index.ts')
  const base = process.cwd()
  const project = openProject(base)
  for (const file of setParams(project, (flags.setParam ?? []).map(parseParamChange))) if (!flags.json) process.stdout.write(`${relative(base, file) || file}: parameters set\n`)
  const controller = new AbortController()
  const interrupt = () => controller.abort()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    const result = await repro(project, {
      targets, base, force: flags.force ?? false, single: flags.singleItem ?? false, signal: controller.signal,
      ...(flags.json ? {} : { onStage: show }),
      onOutput: (output) => forward(output, flags),
    })
    if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    else if (result.changed === 0) process.stdout.write('Data and pipelines are up to date: nothing was run.\n')
    else process.stdout.write(`${result.changed} of ${result.stages.length} ${result.stages.length === 1 ? 'stage' : 'stages'} changed; dvc.lock is written. Commit it with the code that made it.\n`)
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

const SIGNS: Readonly<Record<StageEvent['state'], string>> = {
  started: '▶ running',
  cached: '= unchanged',
  restored: '✔ restored from the run cache',
  finished: '✔ done',
  failed: '✖ failed',
}

function show(event: StageEvent): void {
  const time = event.state === 'started' || event.state === 'cached' ? '' : ` in ${event.seconds < 10 ? event.seconds.toFixed(1) : Math.round(event.seconds)} s`
  process.stdout.write(`${event.name.padEnd(12)} ${SIGNS[event.state]}${time}\n`)
}

function forward({ stream, text }: StageOutput, flags: ReproFlags): void {
  if (flags.quiet) return
  if (stream === 'stderr' || flags.json) process.stderr.write(text)
  else process.stdout.write(text)
}
