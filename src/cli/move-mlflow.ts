import { MillraceError } from '../platform/errors/index.ts'
import { type Moved, type Place, exportMlflow, importMlflow, number, size } from '../training/transfer/copy/index.ts'
import { reach } from './connect.ts'
import { loadProject } from './project.ts'

interface MoveCommand {
  readonly again?: true
  readonly verify: boolean
  readonly json?: true
}

export interface ImportCommand extends MoveCommand {
  readonly into?: string
  readonly artifacts?: string
}

export interface ExportCommand extends MoveCommand {
  readonly from?: string
}

export async function importFrom(source: string, { into, artifacts, ...options }: ImportCommand): Promise<void> {
  const to = into === undefined ? reach(loadProject(), 'tracking') : { url: into }
  const moved = await importMlflow({ from: mlflowServer(source), to, ...(artifacts === undefined ? {} : { artifacts }), ...settings(options) })
  show(moved, options)
}

export async function exportTo(target: string, { from, ...options }: ExportCommand): Promise<void> {
  const source = from === undefined ? reach(loadProject(), 'tracking') : { url: from }
  show(await exportMlflow({ from: source, to: mlflowServer(target), ...settings(options) }), options)
}

/** As MLflow's own client takes them. */
function mlflowServer(url: string): Place {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password } = process.env
  if (token) return { url, headers: { authorization: `Bearer ${token}` } }
  if (user) return { url, headers: { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` } }
  return { url }
}

function settings({ again, verify }: MoveCommand) {
  const live = process.stderr.isTTY
  let said = 0
  const say = (phase: string, line: string): void => {
    // On a terminal one line that changes; in a log one now and then.
    if (live) process.stderr.write(`\r\x1b[2K${phase}: ${line}`)
    else if (said++ % 10 === 0) process.stderr.write(`${phase}: ${line}\n`)
  }
  return { again: again === true, verify, say }
}

function show({ copied, report, notes }: Moved, { json }: MoveCommand): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
  if (json) process.stdout.write(`${JSON.stringify({ copied, report, notes })}\n`)
  else {
    const { experiments, runs, models, registered, points, files, bytes, passed } = copied
    const lines = [
      `copied    ${number(runs)} runs and ${number(models)} logged models of ${number(experiments)} experiments, ${number(registered)} registered models`,
      `          ${number(points)} points, ${number(files)} files (${size(bytes)})`,
      ...(passed === 0 ? [] : [`unchanged ${number(passed)} runs and models, copied before`]),
      ...notes.map((note) => `note      ${note}`),
      ...(report === undefined
        ? []
        : [
            `verified  ${number(report.runs)} runs, ${number(report.models)} logged models, ${number(report.registered)} registered models with ${number(report.versions)} versions`,
            `          ${number(report.points)} points, ${number(report.files)} files (${size(report.bytes)}) read back; ${report.different === 0 ? 'all is as it was' : `${number(report.different)} differ`}`,
          ]),
      ...(report?.differences ?? []).map((difference) => `differs   ${difference}`),
    ]
    process.stdout.write(`${lines.join('\n')}\n`)
  }
  if (report !== undefined && report.different > 0) {
    throw new MillraceError('COPY_DIFFERS', `${report.different} of what was copied is not what it was copied from; if the source was being written to, do it again; else with --again`)
  }
}
