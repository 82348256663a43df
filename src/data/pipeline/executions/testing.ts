import { setTimeout as sleep } from 'node:timers/promises'
import type { Execution } from '../../../api/pipelines.ts'
import type { pipelinesClient } from '../../../../sdk/pipelines.ts'
import { addDataset, type Project } from '../../versioning/index.ts'
import { gitCommit, temporaryProject, writeFiles } from '../../versioning/testing.ts'

/** A script that copies the data into a model of MLflow's layout, with metrics and a curve, and says that it did. */
const TRAIN = `
const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs')
const lr = /lr: (.*)/.exec(readFileSync('params.yaml', 'utf8'))[1]
mkdirSync('model', { recursive: true })
mkdirSync('plots', { recursive: true })
writeFileSync('model/MLmodel', 'flavors: {millrace: {training_window: {from: 2013-01-01T00:00:00Z, to: 2013-03-31T00:00:00Z}}}\\n')
writeFileSync('model/model.bin', readFileSync('prepared.txt', 'utf8').toUpperCase() + lr)
writeFileSync('model/features.json', JSON.stringify({ online: ['weather:temp'] }))
writeFileSync('plots/training.json', JSON.stringify([{ iteration: 1, train: 0.7 }, { iteration: 2, train: 0.6 }]))
writeFileSync('metrics.json', JSON.stringify({ auc: 0.75, holdout: { rows: 10 } }))
console.log('trained with lr', lr)
`

const PIPELINE = `stages:
  prepare:
    cmd: node prepare.cjs
    deps: [data/raw, prepare.cjs]
    outs: [prepared.txt]
  train:
    cmd: node train.cjs
    deps: [prepared.txt, train.cjs]
    params: [train]
    outs: [model]
    metrics: [metrics.json: {cache: false}]
    plots: [plots/training.json: {cache: false}]
`

export const PREPARE = "require('node:fs').writeFileSync('prepared.txt', require('node:fs').readFileSync('data/raw/a.txt'))\nconsole.log('prepared')\n"

/** A Git and DVC project with a pipeline of two stages, its data added, everything committed. */
export function pipelineProject(files: Readonly<Record<string, string>> = {}): { readonly project: Project; readonly commit: string; readonly md5: string } {
  const project = temporaryProject({
    'dvc.yaml': PIPELINE,
    'params.yaml': 'train:\n  lr: 0.1\n',
    'prepare.cjs': PREPARE,
    'train.cjs': TRAIN,
    'data/raw/a.txt': 'hello ',
    'millrace.yaml': 'project: test\n',
    '.gitignore': '/.millrace\n',
  })
  const { md5 } = addDataset(project, 'data/raw')
  writeFiles(project.root, files)
  return { project, md5, commit: gitCommit(project) }
}

/** Waits for an execution to reach a state. */
export async function reach(client: ReturnType<typeof pipelinesClient>, id: string, done: (execution: Execution) => boolean): Promise<Execution> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const execution = await client.get(id)
    if (done(execution)) return execution
    await sleep(20)
  }
  throw new Error(`execution ${id} did not get there: ${JSON.stringify(await client.get(id))}\n${await client.log(id)}`)
}

export const ended = ({ state }: Execution): boolean => state === 'finished' || state === 'failed'
