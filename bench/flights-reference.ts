/**
 * Acceptance of the learner and the as-of join on the flights of 2013: a model trained on January to March and kept (frozen), and one
 * trained anew each month on all months before, both scored on April to December. Peer: LightGBM with 200 trees on the same features,
 * made outside this project: frozen AUC 0.711, log loss 0.484; retrained monthly 0.731, 0.475.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BenchResult, show } from './lib/result.ts'
import { buildFeatures } from '../src/data/features/build.ts'
import { readDefinitions } from '../src/data/features/parse.ts'
import { logLoss, rocAuc } from '../src/domain/metrics.ts'
import { readParams } from '../src/cli/params.ts'
import { fitTwice, scoreTable, type Classifier } from '../src/training/learners/classifier.ts'
import { readTrainingTable, selectRows, type TrainingTable } from '../src/training/learners/table.ts'

const REFERENCE = { frozen: { auc: 0.711, logLoss: 0.484 }, retrained: { auc: 0.731, logLoss: 0.475 } }
const TOLERANCE = 0.01
const MONTHS = [4, 5, 6, 7, 8, 9, 10, 11, 12]

interface Score {
  readonly auc: number
  readonly logLoss: number
}

/** Takes some minutes: ten models on up to 300,000 rows. */
export async function run(): Promise<BenchResult> {
  const project = mkdtempSync(join(tmpdir(), 'millrace-flights-'))
  try {
    return await measure(project)
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
}

async function measure(project: string): Promise<BenchResult> {
  const example = fileURLToPath(new URL('../examples/flights', import.meta.url))
  const params = readParams(join(example, 'params.yaml'))
  const table = await features()
  const frozen = await score(table, 'frozen', () => table.fit(3))
  const retrained = await score(table, 'retrained', (month) => table.fit(month - 1))
  return {
    name: 'flights, all rows, April to December: learner and as-of join against LightGBM',
    rows: MONTHS.map((month, i) => ({
      month,
      'frozen AUC': fixed(frozen[i]?.auc),
      'retrained AUC': fixed(retrained[i]?.auc),
      'frozen log loss': fixed(frozen[i]?.logLoss),
      'retrained log loss': fixed(retrained[i]?.logLoss),
    })),
    promises: [promise('frozen', frozen), promise('retrained', retrained)],
  }

  async function features() {
    cpSync(join(example, 'features'), join(project, 'features'), { recursive: true })
    cpSync(join(example, 'source'), join(project, 'data/raw'), { recursive: true })
    const definitions = readDefinitions(join(project, 'features'))
    const out = join(project, 'out')
    const { spec } = await buildFeatures(definitions, definitions.services.get('flight-delay')!, { root: project, out, sample: 1, holdoutDays: 0 })
    const whole = await readTrainingTable(join(out, 'train.parquet'), spec)
    const months = monthsOf(whole)
    const rowsWhere = (wanted: (row: number) => boolean): TrainingTable => selectRows(whole, Array.from(months.keys()).filter(wanted))
    // As `millrace train` does it: the last days choose the number of trees, then everything is learned.
    const fit = async (last: number): Promise<Classifier> => {
      const cut = whole.moments[months.lastIndexOf(last)]! - params.features.holdoutDays * 86_400_000
      const early = rowsWhere((row) => months[row]! <= last && whole.moments[row]! <= cut)
      const late = rowsWhere((row) => months[row]! <= last && whole.moments[row]! > cut)
      return (await fitTwice(spec, early, late, params.train.learner)).served
    }
    return { month: (month: number) => rowsWhere((row) => months[row] === month), fit }
  }

  async function score(
    from: { month(month: number): TrainingTable },
    name: string,
    modelFor: (month: number) => Promise<Classifier>,
  ): Promise<Score[]> {
    const started = performance.now()
    const scores: Score[] = []
    let kept: Classifier | undefined
    for (const month of MONTHS) {
      if (kept === undefined || name !== 'frozen') kept = await modelFor(month)
      const rows = from.month(month)
      const predicted = scoreTable(kept, rows)
      scores.push({ auc: rocAuc(predicted, rows.labels), logLoss: logLoss(predicted, rows.labels) })
    }
    console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
    return scores
  }
}

/** The month of the scheduled departure in New York, as the source's files are cut. */
function monthsOf(table: TrainingTable): Uint8Array {
  const format = new Intl.DateTimeFormat('en', { timeZone: 'America/New_York', month: 'numeric' })
  const byHour = new Map<number, number>()
  return Uint8Array.from(table.moments, (moment) => {
    const hour = Math.floor(moment / 3_600_000) + 1
    let month = byHour.get(hour)
    if (month === undefined) byHour.set(hour, (month = Number(format.format(hour * 3_600_000))))
    return month
  })
}

function promise(name: keyof typeof REFERENCE, scores: readonly Score[]): BenchResult['promises'][number] {
  const mean = (of: (score: Score) => number) => scores.reduce((sum, score) => sum + of(score), 0) / scores.length
  const auc = mean((score) => score.auc)
  const loss = mean((score) => score.logLoss)
  const reference = REFERENCE[name]
  return {
    promise: `${name}: mean AUC ${reference.auc} and log loss ${reference.logLoss}, within ${TOLERANCE}`,
    measured: `${auc.toFixed(4)} and ${loss.toFixed(4)}`,
    kept: auc >= reference.auc - TOLERANCE && loss <= reference.logLoss + TOLERANCE,
  }
}

function fixed(value: number | undefined): number {
  return Number((value ?? Number.NaN).toFixed(3))
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1
