import { userInfo } from 'node:os'
import type { Command } from 'commander'
import type { RolloutAction, RolloutState } from '../api/rollouts.ts'
import { MillraceError } from '../platform/errors/index.ts'

interface Options {
  readonly serving?: string
  readonly json?: true
  readonly reason?: string
  readonly actor?: string
  readonly version?: string
}

const ACTIONS: readonly (readonly [RolloutAction, string])[] = [
  ['start', 'let the version behind the candidate alias answer part of the requests'],
  ['pause', 'keep the weight as it is'],
  ['resume', 'go on after a pause, or to the next step'],
  ['promote', "give the deployment's alias to the candidate"],
  ['abort', 'take all requests back'],
]

export function register(program: Command): void {
  const deploy = program.command('deploy').description('roll a new version out to requests, step by step: start, pause, resume, promote, abort, status')
  const asking = (name: string, description: string) =>
    deploy.command(name).description(description).option('--serving <url>', 'address of the serving service (default: that of millrace.yaml)').option('--json', 'print JSON')
  for (const [action, description] of ACTIONS) {
    const command = asking(action, description)
      .argument('<model>')
      .option('--reason <text>', 'why; the events keep it')
      .option('--actor <name>', 'who (default: MILLRACE_ACTOR, else the user of this machine)')
    if (action === 'start') command.option('--version <version>', 'the version to try; the candidate alias is moved to it')
    command.action((model: string, options: Options) => move(model, action, options))
  }
  asking('status', 'how far the rollout is, and what it waits for').argument('<model>').action(status)
}

async function client({ serving }: Options) {
  const [{ createTransport }, { servingClient }, { connect }, { loadProject }] = await Promise.all([import('../../sdk/http.ts'), import('../../sdk/serving.ts'), import('./connect.ts'), import('./project.ts')])
  return servingClient(serving === undefined ? connect(loadProject(), 'serving') : createTransport(serving))
}

async function move(model: string, action: RolloutAction, options: Options): Promise<void> {
  const actor = options.actor ?? process.env['MILLRACE_ACTOR'] ?? userInfo().username
  const { version, reason = '' } = options
  print(options, await (await client(options)).moveRollout(model, action, { actor, reason, ...(version === undefined ? {} : { version }) }))
}

async function status(model: string, options: Options): Promise<void> {
  const state = await (await client(options)).rollout(model)
  if (!state) throw new MillraceError('NOT_FOUND', `no version of ${model} has been rolled out yet, or millrace.yaml has no rollout for it`)
  print(options, state)
}

function print({ json }: Options, state: RolloutState): void {
  process.stdout.write(json === true ? `${JSON.stringify(state)}\n` : describeRollout(state).map((line) => `${line}\n`).join(''))
}

/** Words for people; `--json` has everything. */
function describeRollout(state: RolloutState): readonly string[] {
  const { model, candidate, champion, phase, step, steps, weight, arms, exposed, quality, agreement } = state
  const arm = (name: 'champion' | 'candidate', version: string) => {
    const { requests, errors, refused, p99_ms: p99 } = arms[name]
    return `  ${name.padEnd(9)} v${version}  ${requests} requests in this step, ${errors} failed, ${refused} refused${p99 === null ? '' : `, p99 ${p99} ms`}; ${exposed[name]} assigned in all`
  }
  return [
    `${model}  v${candidate} over v${champion}  ${phase.replace('_', ' ')}  ${weight} %  step ${step + 1} of ${steps.length}`,
    `  by ${state.actor} at ${state.changed_at}${state.reason === '' ? '' : `: ${state.reason}`}`,
    ...(state.waits_for === undefined ? [] : [`  waits for ${state.waits_for}`]),
    arm('champion', champion),
    arm('candidate', candidate),
    ...(quality ? [`  quality   gain in log loss ${number(quality.gain)}, between ${number(quality.lower)} and ${number(quality.upper)} (${quality.design}, ${quality.rows.candidate} labelled rows of the candidate)`] : []),
    ...(agreement ? [`  in shadow ${agreement.rows} rows, mean difference ${number(agreement.mean_difference)}, other class ${agreement.other_class === null ? '–' : `${number(agreement.other_class * 100)} %`}`] : []),
  ]
}

function number(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(3)))
}
