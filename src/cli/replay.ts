import type { Command } from 'commander'
import { MillraceError } from '../platform/errors/index.ts'

interface Options {
  readonly model: string
  readonly from: string
  readonly to: string
  readonly version: string
  readonly against?: string
  readonly by?: string
  readonly json?: string
  readonly html?: string
}

export function register(program: Command): void {
  program
    .command('replay')
    .description('send recorded traffic to a version of a model again, as probes, and show how its answers differ')
    .requiredOption('--model <name>', 'whose traffic (required)')
    .requiredOption('--from <time>', 'first moment, RFC 3339 or a date, in project time (required)')
    .requiredOption('--to <time>', 'first moment that is no longer replayed (required)')
    .requiredOption('--version <version>', 'the version that is asked: a number, or @ALIAS (required)')
    .option('--against <version>', 'compare with this version, asked too (default: what was answered then)')
    .option('--by <column>', 'an input or a feature to slice by, of tensors INPUT[N] too: its categories, or quartiles')
    .option('--json <file>', 'write the report as JSON')
    .option('--html <file>', 'write the report as a page')
    .addHelpText('after', '\nExample: millrace replay --model flight-delay --from 2013-09-01 --to 2013-10-01 --version 7 --by carrier')
    .action(run)
}

async function run(options: Options): Promise<void> {
  const from = moment('--from', options.from)
  const to = moment('--to', options.to)
  if (to <= from) throw new MillraceError('USAGE', `--to: found ${options.to}, expected a moment after --from, ${options.from}`)
  const { loadProject } = await import('./project.ts')
  const { connect } = await import('./connect.ts')
  const { ReplayStore } = await import('./replay/source.ts')
  const { replay } = await import('./replay/run.ts')
  const { replayTensors } = await import('./replay/run-tensors.ts')
  const { drawTensorText, drawText } = await import('./replay/draw.ts')
  const { drawHtml, drawTensorHtml } = await import('./replay/page.ts')
  const { writeFileDurable } = await import('../platform/fs/index.ts')
  const project = loadProject()
  const { model, version, against, by } = options
  const store = await ReplayStore.open(project, { model, from, to })
  try {
    const more = { ...(against === undefined ? {} : { against }), ...(by === undefined ? {} : { by }) }
    const transport = connect(project, 'serving', { timeoutMs: 60_000 })
    const asked = { model, version, from, to, ...more, onProgress: progress() }
    // A model that was asked both ways: the rows say more, since they have labels.
    if ((await store.count()) === 0 && (await store.countTensors()) > 0) {
      const report = await replayTensors(store, transport, asked)
      if (options.json !== undefined) writeFileDurable(options.json, `${JSON.stringify(report, null, 2)}\n`)
      if (options.html !== undefined) writeFileDurable(options.html, drawTensorHtml(report))
      process.stdout.write(drawTensorText(report))
      return
    }
    const report = await replay(store, transport, asked)
    if (options.json !== undefined) writeFileDurable(options.json, `${JSON.stringify(report, null, 2)}\n`)
    if (options.html !== undefined) writeFileDurable(options.html, drawHtml(report))
    process.stdout.write(drawText(report))
  } finally {
    store.close()
  }
}

/** On a terminal: how far it is, and about how long it takes still. */
function progress(): (done: number, total: number) => void {
  const started = performance.now()
  return (done, total) => {
    if (!process.stderr.isTTY || total === 0) return
    const left = done === 0 ? 0 : ((performance.now() - started) / done / 1000) * (total - done)
    process.stderr.write(done >= total ? '\r\u001b[K' : `\r\u001b[K${done} of ${total} rows, about ${Math.ceil(left)} s to go`)
  }
}

function moment(option: string, text: string): number {
  const time = /^\d{4}-\d\d-\d\d(T.+)?$/.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text) : Number.NaN
  if (Number.isFinite(time)) return time
  throw new MillraceError('USAGE', `${option}: found ${text}, expected a date or an RFC 3339 moment`)
}
