import type { Command } from 'commander'
import type { ImportCommand } from './move-mlflow.ts'

export function register(program: Command): void {
  program
    .command('import')
    .description('copy what another system holds into the tracking service')
    .command('mlflow')
    .description('copy experiments, runs with every point, artifacts, models, versions and aliases of an MLflow server; may be repeated, and goes on where it was killed')
    .argument('<source>', 'http://… of the server, or sqlite:///FILE of its database')
    .option('--into <url>', 'address of the tracking service (default: that of millrace.yaml)')
    .option('--artifacts <folder>', "with sqlite:///: what was the server's --artifacts-destination, a folder here")
    .option('--again', 'copy again also what has been copied and has not changed')
    .option('--no-verify', 'do not read everything back and compare it at the end')
    .option('--json', 'print what was done as JSON')
    .action(async (source: string, options: ImportCommand) => (await import('./move-mlflow.ts')).importFrom(source, options))
}
