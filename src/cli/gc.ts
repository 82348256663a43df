import { type Command, InvalidArgumentError } from 'commander'

interface GcOptions {
  readonly olderThan?: number
  readonly runIds?: readonly string[]
  readonly loggedModelIds?: readonly string[]
  readonly experimentIds?: readonly string[]
  readonly tracking?: string
  readonly yes?: true
  readonly json?: true
}

interface Item {
  readonly kind: 'run' | 'logged_model' | 'experiment'
  readonly id: string
  readonly name: string
  readonly points: number
  readonly files: number
  readonly bytes: number
  readonly left_at: string | null
}

interface PlanPage {
  readonly items: readonly Item[]
  readonly held: readonly { readonly kind: Item['kind']; readonly id: string; readonly name: string; readonly why: string }[]
  readonly next_page_token?: string
}

interface CollectPage {
  readonly runs: number
  readonly models: number
  readonly experiments: number
  readonly points: number
  readonly next_page_token?: string
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
/** Things that are named; the rest is counted. */
const NAMED = 20
const TIMEOUT_MS = 120_000
const RETRY_MS = 30_000

export function register(program: Command): void {
  program
    .command('gc')
    .description('remove for good what was deleted: runs with their points, artifacts and models, logged models, experiments. Says what would go; --yes does it')
    .option('--older-than <age>', 'only what was deleted so long ago: 30d, 12h, 1d12h', parseAge)
    .option('--run-ids <ids>', 'only these runs, with commas between', parseIds)
    .option('--logged-model-ids <ids>', 'only these logged models', parseIds)
    .option('--experiment-ids <ids>', 'only these experiments, with all that is in them', parseIds)
    .option('--tracking <url>', 'address of the tracking service (default: MLFLOW_TRACKING_URI, else that of millrace.yaml)')
    .option('--yes', 'remove; it may be killed and done again')
    .option('--json', 'print JSON')
    .action(gc)
}

async function gc(options: GcOptions): Promise<void> {
  const { createTransport } = await import('../../sdk/http.ts')
  const { serviceUrl } = await import('../platform/config/index.ts')
  const { loadProject } = await import('./project.ts')
  const { trackingAddress } = await import('./tracking-address.ts')
  const address = trackingAddress(options.tracking) ?? serviceUrl(loadProject().config, 'tracking')
  const { userInfo } = await import('node:os')
  const { ACTOR_HEADER } = await import('../api/tracking.ts')
  const actor = process.env['MILLRACE_ACTOR'] ?? userInfo().username
  const transport = createTransport(address, { timeoutMs: TIMEOUT_MS, retryForMs: RETRY_MS, headers: { [ACTOR_HEADER]: encodeURIComponent(actor) } })
  const selection = { older_than: options.olderThan, run_ids: options.runIds, logged_model_ids: options.loggedModelIds, experiment_ids: options.experimentIds }

  async function* pages<P extends { readonly next_page_token?: string }>(path: string): AsyncIterable<P> {
    for (let token: string | undefined = ''; token !== undefined; ) {
      const page: P = await transport.json<P>('POST', `/api/2.0/millrace/gc/${path}`, { body: { ...selection, ...(token === '' ? {} : { page_token: token }) } })
      yield page
      token = page.next_page_token
    }
  }

  const total = { run: 0, logged_model: 0, experiment: 0, points: 0, files: 0, bytes: 0, held: 0 }
  const lines: string[] = []
  for await (const { items, held } of pages<PlanPage>('plan')) {
    for (const item of items) {
      total[item.kind]++
      for (const count of ['points', 'files', 'bytes'] as const) total[count] += item[count]
      if (lines.length < NAMED) lines.push(`${verb(options)}  ${label(item)}${item.left_at === null ? '' : `; its files stay at ${item.left_at}`}`)
    }
    total.held += held.length
    for (const one of held) if (lines.length < 2 * NAMED) lines.push(`stays    ${label(one)}: ${one.why}`)
  }
  if (!options.json) {
    const rest = total.run + total.logged_model + total.experiment + total.held - lines.length
    if (rest > 0) lines.push(`…        and ${rest.toLocaleString('en-US')} more`)
    lines.push(`${options.yes ? 'removing' : 'would remove'} ${total.run} runs, ${total.logged_model} logged models, ${total.experiment} experiments: ${total.points.toLocaleString('en-US')} points, ${total.files} files of ${total.bytes.toLocaleString('en-US')} bytes`)
    if (!options.yes && total.run + total.logged_model + total.experiment > 0) lines.push('nothing was changed; add --yes to remove it for good')
    process.stdout.write(`${lines.join('\n')}\n`)
  }
  const removed = { runs: 0, models: 0, experiments: 0, points: 0 }
  if (options.yes) {
    for await (const page of pages<CollectPage>('collect')) {
      for (const count of ['runs', 'models', 'experiments', 'points'] as const) removed[count] += page[count]
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${removed.runs} runs, ${removed.points.toLocaleString('en-US')} points removed`)
    }
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
    if (!options.json) process.stdout.write(`removed  ${removed.runs} runs, ${removed.models} logged models, ${removed.experiments} experiments, ${removed.points.toLocaleString('en-US')} points\n`)
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ found: total, ...(options.yes ? { removed } : {}) })}\n`)
}

function verb({ yes }: GcOptions): string {
  return yes ? 'removes' : 'removes?'
}

function label({ kind, id, name }: { readonly kind: Item['kind']; readonly id: string; readonly name: string }): string {
  return `${kind === 'logged_model' ? 'logged model' : kind} ${id} (${name})`
}

function parseIds(text: string): readonly string[] {
  return text.split(',').map((id) => id.trim()).filter((id) => id !== '')
}

/** `30d`, and MLflow's `1d2h3m`. */
function parseAge(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([mhdw])/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) throw new InvalidArgumentError('Expected a duration such as 30d, 12h or 1d12h.')
  return Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit as keyof typeof UNITS] ?? 0), 0))
}
