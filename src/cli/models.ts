import type { Command } from 'commander'
import type { ChampionOptions, ChangeCommand, ListOptions, Output, PromoteCommand, RollbackCommand, VerifyCommand } from './models/options.ts'

const CHAMPION = 'champion'

/** Each action loads what it does when it is called. */
export function register(program: Command): void {
  const models = program.command('models').description('the model registry: what is registered, who moved which alias, promote, roll back, verify')
  const reads = async () => import('./models/read.ts')
  const changes = async () => import('./models/change.ts')
  const reading = (name: string, description: string) =>
    models.command(name).description(description).option('--tracking <url>', 'address of the tracking service (default: MLFLOW_TRACKING_URI, else that of millrace.yaml)').option('--json', 'print JSON')
  const changing = (name: string, description: string) =>
    reading(name, description).option('--reason <text>', 'why; the history and the event log keep it').option('--actor <name>', 'who (default: MILLRACE_ACTOR, else the user of this machine)')

  reading('list', 'registered models with their versions and aliases')
    .option('--filter <filter>', "in MLflow's search language: name LIKE 'flight-%' AND tags.owner = 'ada'")
    .option('--prompts', 'prompts instead of models')
    .action(async (options: ListOptions) => (await reads()).list(options))
  reading('show', 'one model, or one version of it').argument('<model>', 'MODEL, MODEL/VERSION or MODEL@ALIAS').action(async (name: string, options: Output) => (await reads()).show(name, options))
  reading('history', 'who moved which alias when and why')
    .argument('<model>')
    .option('--alias <alias>', 'of this alias only')
    .action(async (model: string, options: ChampionOptions) => (await reads()).history(model, options))
  reading('champion', 'the version that an alias names, now or then')
    .argument('<model>')
    .option('--alias <alias>', 'the alias', CHAMPION)
    .option('--at <time>', 'RFC 3339, project time (default: now)')
    .action(async (model: string, options: ChampionOptions) => (await reads()).champion(model, options))
  reading('lineage', 'where a version comes from: run, commit, data, contract, features, training window, metrics')
    .argument('<version>', 'MODEL/VERSION or MODEL@ALIAS')
    .action(async (version: string, options: Output) => (await reads()).lineage(version, options))
  reading('diff', 'what differs between two versions')
    .argument('<a>', 'MODEL/VERSION or MODEL@ALIAS')
    .argument('<b>', 'the same, or a VERSION of the same model')
    .action(async (a: string, b: string, options: Output) => (await reads()).diff(a, b, options))
  reading('verify', 'whether the files of a version are those that were registered')
    .argument('<version>', 'MODEL/VERSION or MODEL@ALIAS')
    .option('--folder <folder>', 'hold this folder against the manifest, instead of what the server keeps')
    .action(async (version: string, options: VerifyCommand) => (await reads()).verify(version, options))

  changing('promote', 'give an alias to a version; its gate must be passed')
    .argument('<version>', 'MODEL/VERSION or MODEL@ALIAS')
    .option('--alias <alias>', 'the alias', CHAMPION)
    .option('--from <version>', 'only if the alias is at this version now; `none`: only if it is nowhere')
    .option('--override-gate', 'go on though the gate refuses; needs --reason')
    .action(async (version: string, options: PromoteCommand) => (await changes()).promote(version, options))
  changing('rollback', 'give an alias back to the version that held it before')
    .argument('<model>')
    .option('--alias <alias>', 'the alias', CHAMPION)
    .option('--from <version>', 'only if the alias is at this version (default: where it is when the command starts)')
    .option('--to <version>', 'a version that held it before (default: the last that did)')
    .action(async (model: string, options: RollbackCommand) => (await changes()).rollback(model, options))
  changing('rename', 'rename a model; versions, aliases and history go along')
    .argument('<model>')
    .argument('<new-name>')
    .action(async (model: string, newName: string, options: ChangeCommand) => (await changes()).rename(model, newName, options))
  changing('delete', 'delete a version, or a model with all its versions')
    .argument('<model>', 'MODEL/VERSION, or MODEL with --yes')
    .option('--yes', 'a whole model, with all its versions and aliases')
    .action(async (name: string, options: ChangeCommand & { readonly yes?: true }) => (await changes()).remove(name, options))
}
