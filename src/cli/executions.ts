import type { Command } from 'commander'
import type { Execution } from '../api/pipelines.ts'
import { MillraceError } from '../platform/errors/index.ts'
import { hexId } from '../platform/ids/index.ts'

interface Output {
  readonly json?: boolean
}

interface StartOptions extends Output {
  readonly model: string
  readonly key?: string
  readonly reason: string
  readonly commit?: string
  readonly setParam?: readonly string[]
}

export function register(program: Command): void {
  const executions = program.command('executions').description('executions of the pipeline, which the pipelines service runs in worktrees of their own')
  executions
    .command('list')
    .description('newest first')
    .option('--model <name>', 'only those of one model')
    .option('--json', 'print them as JSON')
    .action(list)
  executions.command('show').description('one execution').argument('<id>').option('--log', 'print what its stages wrote').option('--json', 'print it as JSON').action(show)
  executions
    .command('start')
    .description('run the committed pipeline and register what comes out')
    .requiredOption('--model <name>', 'registered model that gets the new version')
    .option('--reason <text>', 'why', 'asked for on the command line')
    .option('--key <key>', 'idempotency key: the same key again starts nothing')
    .option('--commit <revision>', 'commit to run (default: HEAD)')
    .option('-S, --set-param <key=value...>', 'override parameters of params.yaml, dotted')
    .option('--json', 'print it as JSON')
    .action(start)
}

async function pipelines() {
  const { pipelinesClient } = await import('../../sdk/pipelines.ts')
  const { connect } = await import('./connect.ts')
  const { loadProject } = await import('./project.ts')
  return pipelinesClient(connect(loadProject(), 'pipelines'))
}

async function list(options: Output & { readonly model?: string }): Promise<void> {
  const found = await (await pipelines()).list(options.model === undefined ? {} : { model: options.model })
  if (options.json) process.stdout.write(`${JSON.stringify(found)}\n`)
  else for (const execution of found) process.stdout.write(`${line(execution)}\n`)
}

async function show(id: string, options: Output & { readonly log?: boolean }): Promise<void> {
  const client = await pipelines()
  const execution = await client.get(id)
  if (options.json) process.stdout.write(`${JSON.stringify(execution)}\n`)
  else process.stdout.write(`${describe(execution)}\n`)
  if (options.log) process.stdout.write(await client.log(id))
}

async function start(options: StartOptions): Promise<void> {
  const params = Object.fromEntries((options.setParam ?? []).map(parseParam))
  const execution = await (await pipelines()).start({
    key: options.key ?? `cli-${hexId()}`,
    model: options.model,
    reason: options.reason,
    params,
    ...(options.commit === undefined ? {} : { commit: options.commit }),
  })
  process.stdout.write(`${options.json ? JSON.stringify(execution) : line(execution)}\n`)
}

/** A number or a truth value where the text is one, as in YAML. */
function parseParam(text: string): [string, string | number | boolean] {
  const at = text.indexOf('=')
  if (at < 1) throw new MillraceError('USAGE', `--set-param: found ${JSON.stringify(text)}, expected KEY=VALUE, such as train.learner.seed=7`)
  const value = text.slice(at + 1)
  if (value === 'true' || value === 'false') return [text.slice(0, at), value === 'true']
  return [text.slice(0, at), value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value]
}

function line({ execution_id: id, state, model, version, unchanged, reason, created_at: created }: Execution): string {
  return `${id}  ${state.padEnd(8)}  ${created}  ${model}${version === null ? '' : ` version ${version}`}${unchanged === null ? '' : ` unchanged: version ${unchanged}`}  ${reason}`
}

function describe(execution: Execution): string {
  const facts: readonly (readonly [string, string | null])[] = [
    ['state', execution.state],
    ['error', execution.error],
    ['model', `${execution.model}${execution.version === null ? '' : ` version ${execution.version}`}`],
    ['same as', execution.unchanged === null ? null : `version ${execution.unchanged}, which answers already: nothing was registered`],
    ['run', execution.run_id],
    ['commit', execution.commit],
    ['result', execution.result_commit],
    ...Object.entries(execution.data).map(([path, oid]): [string, string] => ['data', `${path} ${oid}`]),
    ...execution.stages.map(({ name, state, seconds }): [string, string] => ['stage', `${name.padEnd(12)} ${state}${seconds === null ? '' : ` ${seconds.toFixed(1)} s`}`]),
  ]
  return facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(7)} ${value}`])).join('\n')
}
