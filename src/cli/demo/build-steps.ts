import { cpSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { closeWorktree, dataStatus, openProject, openWorktree } from '../../data/versioning/index.ts'
import { checkout, projectStatus, repro } from '../../data/pipeline/index.ts'
import { type ContractReport, accepted, violations } from '../../domain/contract/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { headCommit } from '../../platform/git/repository.ts'
import { FLIGHTS, WEATHER, commitResults, createProject, versionData } from './data.ts'
import { type DemoContext, type Step, once, verify } from './step.ts'

/** The moment at which the story begins: three months are known. */
export function beginning(clock: 'wall' | { readonly simulated: string }): Date {
  return new Date(clock === 'wall' ? Date.now() : clock.simulated)
}

export const versionStep: Step = {
  key: 'version',
  title: 'Version the raw data',
  run: async (context) => {
    const { path } = context.folder
    await once(context, 'version', async () => {
      await createProject(path, context.state.sample)
      await versionData(path, context.config, await context.world(), beginning(context.config.clock))
    })
    const project = openProject(path)
    const changes = dataStatus(project)
    verify(changes.length === 0, `data status of ${path} finds nothing to say`)
    const files = readFileSync(join(path, `${FLIGHTS}.dvc`), 'utf8')
    verify(/md5: [0-9a-f]{32}\.dir/.test(files), `${FLIGHTS}.dvc names the data by MD5`)
    const size = [...`${files}${readFileSync(join(path, `${WEATHER}.dvc`), 'utf8')}`.matchAll(/size: (\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0)
    return `${/nfiles: (\d+)/.exec(files)?.[1]} months of flights and the weather, ${(size / 1e6).toFixed(1)} MB, in DVC's format`
  },
}

export const validateStep: Step = {
  key: 'validate',
  title: 'Validate them against the contract',
  run: async (context, report) => {
    const { path } = context.folder
    if (context.state.replayedUntil !== null) return context.state.figures.validate ?? 'done earlier'
    const project = openProject(path)
    await repro(project, { targets: ['validate'] })
    const good = readReport(project.root)
    verify(accepted(good), 'the flights of January to March pass the contract')
    report('the pipeline on the corrupted month')
    const bad = await corruptedMonth(context)
    verify(!accepted(bad) && violations(bad).length > 1, 'the corrupted month violates the contract')
    verify(violations(bad).every(({ count, share }) => count > 0 && share > 0) && violations(bad).some(({ failedSamples }) => failedSamples.length > 0), 'each violated rule comes with its count and its share, and with sample rows')
    return `${good.checks.length} checks pass; a corrupted month breaks ${violations(bad).length} rules and stops the pipeline`
  },
}

/** Runs the pipeline in a worktree of its own, with the corrupted month among the others: `validate` must fail, and nothing after it run. Answers its report. */
async function corruptedMonth({ folder, config }: DemoContext): Promise<ContractReport> {
  const main = openProject(folder.path)
  const worktree = join(folder.path, config.storage.folder, 'demo', 'corrupted')
  const project = await openWorktree(main, (await headCommit(folder.path)) ?? 'HEAD', worktree)
  try {
    checkout(project)
    cpSync(join(folder.path, 'corrupted', '2013-04.parquet'), join(project.root, FLIGHTS, '2013-04.parquet'))
    const reached: string[] = []
    let refusal: unknown
    try {
      // Its contract.checked event belongs to the project, not to the worktree, which goes.
      const env = { MILLRACE_STORAGE_FOLDER: resolve(folder.path, config.storage.folder) }
      await repro(project, { env, onStage: ({ name, state }) => reached.push(`${name} ${state}`) })
    } catch (error) {
      refusal = error
    }
    verify(refusal instanceof MillraceError && refusal.message.includes('CONTRACT_VIOLATED'), 'the pipeline is stopped by the corrupted month')
    verify(reached.includes('validate failed') && !reached.some((event) => event.startsWith('features')), `no stage runs after validate (saw ${reached.join(', ')})`)
    return readReport(project.root)
  } finally {
    await closeWorktree(main, worktree)
  }
}

function readReport(root: string): ContractReport {
  const report: ContractReport = JSON.parse(readFileSync(join(root, 'reports', 'contract.json'), 'utf8'))
  return report
}

export const trainStep: Step = {
  key: 'train',
  title: 'Build features and train',
  run: async (context, report) => {
    // Later data have been added since: a repro would now, rightly, run.
    if (context.state.replayedUntil !== null) return context.state.figures.train ?? 'done earlier'
    const project = openProject(context.folder.path)
    await once(context, 'train', async () => {
      await repro(project, { onStage: ({ name, state }) => report(`${name} ${state}`) })
      await commitResults(context.folder.path, 'Train the first model')
    })
    const again = await repro(project)
    verify(again.changed === 0, `a second repro runs nothing (it ran ${again.changed} stages)`)
    const metrics: Record<string, number> = JSON.parse(readFileSync(join(project.root, 'metrics.json'), 'utf8'))
    return `AUC ${metrics.auc?.toFixed(3)} on the held-out days; a second repro runs nothing`
  },
}

/** The user's own branch, brought up to the last data: what the executions made lies on branches of their own. */
export const finishStep: Step = {
  key: 'finish',
  title: 'Bring the project up to the whole year',
  run: async (context, report) => {
    const project = openProject(context.folder.path)
    await once(context, 'finish', async () => {
      await repro(project, { onStage: ({ name, state }) => report(`${name} ${state}`) })
      await commitResults(context.folder.path, 'Train on the whole year')
    })
    const changes = projectStatus(project)
    verify(Object.keys(changes).length === 0, `data and pipeline are up to date (found ${JSON.stringify(changes)})`)
    const metrics: Record<string, number> = JSON.parse(readFileSync(join(project.root, 'metrics.json'), 'utf8'))
    return `AUC ${metrics.auc?.toFixed(3)} on the last days of the year; status finds nothing to say`
  },
}
