import type { Command } from 'commander'
import type { ExportCommand } from './move-mlflow.ts'

export function register(program: Command): void {
  program
    .command('export')
    .description('copy what the tracking service holds to another system')
    .command('mlflow')
    .description('copy experiments, runs with every point, artifacts, models, versions and aliases to an MLflow server; may be repeated, and goes on where it was killed')
    .argument('<target>', 'http://… of the server')
    .option('--from <url>', 'address of the tracking service (default: that of millrace.yaml)')
    .option('--again', 'copy again also what has been copied and has not changed')
    .option('--no-verify', 'do not read everything back and compare it at the end')
    .option('--json', 'print what was done as JSON')
    .action(async (target: string, options: ExportCommand) => (await import('./move-mlflow.ts')).exportTo(target, options))
}
