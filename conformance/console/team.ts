import { EPOCH, type Filler, DAY_MS } from './fill.ts'
import { noise } from './story.ts'

/** A 1×1 PNG. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC'

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 260" font-family="sans-serif" font-size="12"><rect width="400" height="260" fill="#fff"/>
<path d="M40 220 C 60 90, 120 60, 380 30" fill="none" stroke="#0f5f8c" stroke-width="3"/><path d="M40 220 L 380 30" stroke="#99a" stroke-dasharray="4 4"/>
<path d="M40 20V220H380" fill="none" stroke="#456"/><text x="180" y="248">false positives</text><text x="60" y="30">ROC, AUC 0.761</text><script>window.pwned = 'svg'</script></svg>`

const NOTE = `## What was tried
A **deeper** tree with a slower rate. See [the paper](https://arxiv.org/abs/1603.02754).

- early stopping after 50 rounds
- \`scale_pos_weight\` left at 1

<script>window.pwned = 'note'</script> <img src=x onerror="window.pwned='note'">`

const NOTEBOOK = JSON.stringify({
  nbformat: 4,
  cells: [
    { cell_type: 'markdown', source: ['# Error analysis\n', 'Where the model is *wrong*.'] },
    { cell_type: 'code', execution_count: 1, source: ['frame.groupby("carrier").error.mean()'], outputs: [{ output_type: 'execute_result', data: { 'text/plain': ['carrier\n', 'AA    0.21\n', 'UA    0.19'], 'text/html': ['<script>window.pwned = "notebook"</script>'] } }] },
    { cell_type: 'code', execution_count: 2, source: ['plot(frame)'], outputs: [{ output_type: 'display_data', data: { 'image/png': PNG, 'text/plain': ['<Figure>'] } }, { output_type: 'display_data', data: { 'text/html': ['<img src=x onerror="window.pwned=1">'] } }] },
  ],
})

const DATASET = {
  name: 'flights-2013-q1', digest: '9f2b6c1e', source_type: 'local', source: '{"uri":"data/raw/flights"}',
  schema: '{"mlflow_colspec":[{"name":"carrier","type":"string"}]}', profile: '{"num_rows":80789,"num_elements":1534991}',
}

export interface Team {
  readonly experimentId: string
  readonly runIds: readonly string[]
}

const KEYS = ['train/loss', 'valid/loss', 'train/auc', 'valid/auc'] as const

/** An experiment as a small team has it: two dozen runs with curves, data sets, artifacts, and a registered model whose champion has changed. */
export async function fillTeam(filler: Filler, { runs = 24, steps = 400 } = {}): Promise<Team> {
  const experimentId = await filler.experiment('flight-delay', { team: 'delays', data: 'nycflights13' })
  const runIds: string[] = []
  for (let i = 0; i < runs; i++) {
    const rate = 10 ** (-2.4 + 1.6 * noise(i))
    const depth = 3 + Math.floor(noise(i + 50) * 8)
    const quality = 0.68 + 0.1 * noise(i + 3) + 0.004 * depth - 0.04 * Math.abs(Math.log10(rate) + 1.6)
    const start = EPOCH + i * DAY_MS * 0.7
    const point = (key: (typeof KEYS)[number], step: number): number => {
      const progress = 1 - Math.exp((-step / steps) * (2 + rate * 30))
      const jitter = (noise(i * 7919 + step * 13 + key.length) - 0.5) * (key.startsWith('valid') ? 0.03 : 0.015)
      const over = key.startsWith('valid') ? Math.max(0, step / steps - 0.6) * 0.03 * depth * 0.3 : 0
      return key.endsWith('loss') ? 0.69 - (quality - 0.4) * progress + over + jitter : 0.5 + (quality - 0.5) * progress - over + jitter
    }
    const curves = KEYS.flatMap((key) => Array.from({ length: steps }, (_, step) => ({ key, step, timestamp: start + step * 1500, value: Number(point(key, step).toFixed(5)) })))
    const system = ['system/cpu_utilization_percentage', 'system/system_memory_usage_megabytes', 'system/disk_usage_percentage'].flatMap((key, k) =>
      Array.from({ length: 60 }, (_, step) => ({ key, step, timestamp: start + step * 10_000, value: Math.round((k === 1 ? 3000 + step * 20 : 40 + k * 10) * (1 + 0.2 * noise(step * 3 + k + i))) })),
    )
    runIds.push(
      await filler.run(experimentId, {
        name: `gbt-depth${depth}-${String(i).padStart(2, '0')}`,
        start,
        status: i === runs - 1 ? 'RUNNING' : i % 9 === 4 ? 'FAILED' : 'FINISHED',
        params: { learning_rate: rate.toPrecision(3), max_depth: String(depth), n_estimators: String(100 * (1 + (i % 5))), subsample: (0.6 + 0.4 * noise(i + 9)).toFixed(2), features: i % 2 === 0 ? 'weather' : 'weather+recent', seed: '7' },
        tags: { 'mlflow.source.git.commit': 'a1b2c3d4e5f60718293a4b5c6d7e8f9012345678', 'mlflow.user': i % 3 === 0 ? 'grace' : 'ada', ...(i === 0 ? { 'mlflow.note.content': NOTE } : {}), stage: i % 4 === 0 ? 'final' : 'search' },
        metrics: [...curves, ...system, { key: 'auc', value: Number(quality.toFixed(4)), timestamp: start }, { key: 'log_loss', value: Number((1.18 - quality).toFixed(4)), timestamp: start }, { key: 'ece', value: Number((0.012 + 0.03 * noise(i + 4)).toFixed(4)), timestamp: start }],
      }),
    )
    await filler.call('POST', 'mlflow/runs/log-inputs', { run_id: runIds.at(-1), datasets: [{ tags: [{ key: 'mlflow.data.context', value: 'train' }], dataset: DATASET }] })
  }
  await fillArtifacts(filler, experimentId, runIds[0] ?? '')
  await fillModel(filler, experimentId, runIds)
  return { experimentId, runIds }
}

async function fillArtifacts(filler: Filler, experimentId: string, runId: string): Promise<void> {
  const png = Uint8Array.from(atob(PNG), (character) => character.charCodeAt(0))
  const rows = Array.from({ length: 400 }, (_, i) => `${i},"carrier, ${['AA', 'UA', 'DL'][i % 3] ?? ''}",${(noise(i) * 100).toFixed(2)}`)
  const files: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {
    'plots/roc.svg': SVG,
    'plots/pixel.png': png,
    'model/MLmodel': 'flavors:\n  onnx:\n    data: model.onnx\nrun_id: x\n',
    'model/requirements.txt': 'onnxruntime==1.30.0\n',
    'importances.csv': `id,name,gain\n${rows.join('\n')}\n`,
    'report.md': `# Report\n\nThe best run so far: **AUC 0.761**.\n\n![curve](plots/roc.svg)\n\n<script>window.pwned = 'markdown'</script>\n\n[run it](javascript:window.pwned='link') <b onclick="window.pwned=1">bold</b>\n`,
    'page.html': '<!doctype html><script>window.pwned = "html"</script><h1>An HTML page</h1>',
    'analysis.ipynb': NOTEBOOK,
    'summary.json': JSON.stringify({ auc: 0.761, folds: [0.75, 0.77, 0.763], by_carrier: { AA: { auc: 0.74, rows: 3200 }, UA: { auc: 0.78, rows: 5100 } }, note: '<script>window.pwned=1</script>' }),
    'predictions.json': JSON.stringify({ columns: ['carrier', 'delayed', 'score'], data: [['AA', true, 0.81], ['UA', false, 0.2]] }),
    'weights.bin': new Uint8Array([0, 1, 2, 3, 0, 255]),
  }
  for (const [path, content] of Object.entries(files)) await filler.artifact(experimentId, runId, path, content)
}

const MODEL = 'flight-delay'

async function fillModel(filler: Filler, experimentId: string, runIds: readonly string[]): Promise<void> {
  await filler.call('POST', 'mlflow/registered-models/create', { name: MODEL, description: 'Probability that a flight arrives **15 minutes late** or more.', tags: [{ key: 'owner', value: 'delays' }] })
  await filler.call('POST', 'mlflow/registered-models/create', { name: 'eta minutes', description: '' })
  for (const [i, runId] of runIds.slice(0, 6).entries()) {
    await filler.artifact(experimentId, runId, 'model/model.onnx', 'x')
    await filler.call('POST', 'mlflow/model-versions/create', { name: MODEL, source: `runs:/${runId}/model`, run_id: runId, description: i === 5 ? 'Trained on the whole quarter.' : '', tags: [{ key: 'contract', value: 'contracts/flights.yaml' }] })
  }
  const move = (alias: string, version: number, actor: string, reason: string, day: number) =>
    filler.call('POST', 'mlflow/registered-models/alias', { name: MODEL, alias, version: String(version) }, {
      'x-millrace-actor': encodeURIComponent(actor), 'x-millrace-reason': encodeURIComponent(reason), 'x-millrace-time': new Date(EPOCH + day * DAY_MS).toISOString(),
    })
  await move('champion', 1, 'ada', 'first version that passed the gate', 1)
  await move('frozen', 1, 'ada', 'kept to compare with', 1)
  await move('challenger', 2, 'monitor', 'passed the gate', 8)
  await move('champion', 2, 'monitor', 'log-loss gain 0.0041 in shadow', 15)
  await move('champion', 4, 'monitor', 'drift: log-loss gain 0.0063 in shadow', 33)
  await move('champion', 2, 'grace', 'rollback: v4 saw the wrong time zone', 36)
  await move('champion', 5, 'monitor', 'schedule: log-loss gain 0.0030 in shadow', 58)
  await move('challenger', 6, 'monitor', 'passed the gate', 66)
}
