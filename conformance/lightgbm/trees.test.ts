/**
 * Our trees against LightGBM from PyPI: the same rows, the same parameters, several draws of each data set. We hold that there is no difference of the
 * losses on unseen rows beyond two standard errors over the draws (each is one pair: where a bin happens to end moves all rows together),
 * or 1 % of the loss where that is more.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { rowLogLoss } from '../../src/domain/metrics.ts'
import { predictScores } from '../../src/training/learners/trees/model.ts'
import { sigmoid } from '../../src/training/learners/trees/objective.ts'
import { parseTreeParameters } from '../../src/training/learners/trees/parameters.ts'
import { trainTrees, type LabelledMatrix } from '../../src/training/learners/trees/train.ts'
import { peersPython } from '../lib/python.ts'
import { DATA_SETS, type DataSet } from './data.ts'

const ROWS = 6000
const SEEDS = [1, 2, 3, 4, 5, 6]
const PARAMETERS = { num_iterations: 100, learning_rate: 0.1, num_leaves: 31, min_data_in_leaf: 20, max_bin: 255 }

for (const set of DATA_SETS) {
  test(`${set.name}: our trees are level with LightGBM's, or better`, async (t) => {
    const results: Result[] = []
    for (const seed of SEEDS) results.push(await compare(set, seed))
    const differences = results.map((result) => result.ours - result.theirs)
    const mean = average(differences)
    const error = Math.sqrt(average(differences.map((value) => (value - mean) ** 2)) / (differences.length - 1))
    const theirs = average(results.map((result) => result.theirs))
    const seconds = (of: 'ourSeconds' | 'theirSeconds') => `${results.reduce((sum, result) => sum + result[of], 0).toFixed(2)} s`
    const told = `loss ${(theirs + mean).toFixed(5)}, LightGBM ${theirs.toFixed(5)} (difference ${mean.toFixed(5)} ± ${error.toFixed(5)})`
    t.diagnostic(`${told}; CPU ${seconds('ourSeconds')}, LightGBM ${seconds('theirSeconds')}`)
    assert.ok(mean <= Math.max(2 * error, 0.01 * theirs), told)
  })
}

interface Result {
  readonly ours: number
  readonly theirs: number
  readonly ourSeconds: number
  readonly theirSeconds: number
}

async function compare(set: DataSet, seed: number): Promise<Result> {
  const [training, fresh] = [set.make(seed, ROWS), set.make(seed + 100, ROWS)]
  const started = process.cpuUsage()
  const { model } = await trainTrees(training, parseTreeParameters({ ...PARAMETERS, objective: set.objective, seed }))
  const used = process.cpuUsage(started)
  const raw = predictScores(model, fresh.matrix)
  const peer = lightgbm(training, fresh, set.objective)
  const loss = (score: number, label: number) => (set.objective === 'binary' ? rowLogLoss(score, label) : (score - label) ** 2)
  const score = set.objective === 'binary' ? sigmoid : (value: number) => value
  const mean = (scores: ArrayLike<number>) => average(Array.from(fresh.labels, (label, row) => loss(scores[row]!, label)))
  return { ours: mean(raw.map(score)), theirs: mean(peer.scores), ourSeconds: (used.user + used.system) / 1e6, theirSeconds: peer.seconds }
}

function lightgbm(train: LabelledMatrix, test: LabelledMatrix, objective: string): { scores: number[]; seconds: number } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-lightgbm-'))
  try {
    writeFileSync(join(folder, 'parameters.json'), JSON.stringify({ ...PARAMETERS, objective }))
    for (const [name, data] of [['train', train], ['test', test]] as const) writeFileSync(join(folder, `${name}.csv`), csv(data))
    const answer: unknown = JSON.parse(execFileSync(peersPython(), [fileURLToPath(new URL('peer.py', import.meta.url)), folder], { encoding: 'utf8', maxBuffer: 1 << 28 }))
    if (typeof answer === 'object' && answer !== null && 'scores' in answer && Array.isArray(answer.scores) && 'seconds' in answer) {
      return { scores: answer.scores.map(Number), seconds: Number(answer.seconds) }
    }
    throw new TypeError('peer.py printed something else')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function csv({ matrix, labels }: LabelledMatrix): string {
  return Array.from(labels, (label, row) => [...matrix.columns.map((column) => column[row]!), label].map((value) => (Number.isNaN(value) ? '' : value)).join(',')).join('\n')
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
