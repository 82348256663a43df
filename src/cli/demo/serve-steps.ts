import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { trackProject } from '../../data/pipeline/executions/track.ts'
import { openProject } from '../../data/versioning/index.ts'
import { beginning } from './build-steps.ts'
import { pushWorld } from './traffic.ts'
import { type DemoContext, MODEL, type Step, verify } from './step.ts'

const DAY_MS = 86_400_000

/** Fills the online store with the days before the story begins, and asks it back. */
export const featuresStep: Step = {
  key: 'features',
  title: 'Fill the online store',
  run: async (context) => {
    const start = beginning(context.config.clock)
    const world = await context.world()
    if (context.state.replayedUntil === null) {
      await pushWorld(context.peers, await world.between(new Date(start.getTime() - 2 * DAY_MS), start))
    }
    // Later the moment of the beginning is past what the store keeps, and at the end of the year there is nothing new to be had.
    if (context.state.replayedUntil === null) {
      const answer = await context.peers.features.getOnlineFeatures({
        features: ['weather:temp', 'recent_delays:mean_dep_delay'],
        entities: { origin: ['EWR', 'JFK', 'LGA'] },
        as_of: [start, start, start].map((moment) => moment.toISOString()),
      })
      const present = answer.results.slice(1).flatMap(({ statuses }) => statuses).filter((status) => status === 'PRESENT').length
      verify(present > 0, 'weather and recent delays of the three airports can be asked online')
    }
    const views = await context.peers.features.featureViews()
    verify(views.length === 2 && views.every(({ rows }) => rows > 0), 'both feature views hold rows online')
    return `${views.length} feature views online, ${views.reduce((sum, { rows }) => sum + rows, 0).toLocaleString('en')} rows`
  },
}

export const trackStep: Step = {
  key: 'track',
  title: 'Track the run, register the model',
  run: async (context) => {
    const { path } = context.folder
    const runId = await firstRun(context)
    const run = await context.peers.tracking.getRun(runId)
    const logged = new Map((run.data.metrics ?? []).map(({ key, value }) => [key, value]))
    if (context.state.replayedUntil === null) {
      const metrics: Record<string, number> = JSON.parse(readFileSync(join(path, 'metrics.json'), 'utf8'))
      verify(logged.get('log_loss') === metrics.log_loss, `run ${runId} has the log loss of metrics.json`)
    }
    const artifacts = await context.peers.tracking.listArtifacts(runId, 'model')
    verify(artifacts.some(({ path }) => path === 'model/model.onnx'), `run ${runId} has the artifact model/model.onnx`)
    return `run ${runId.slice(0, 8)}, version 1, ${logged.size} metrics, ${(run.data.params ?? []).length} parameters`
  },
}

/** Logged and registered once: later the project holds later data, and tracking that would be another run. */
async function firstRun({ folder, peers, state }: DemoContext): Promise<string> {
  if (state.replayedUntil !== null) return (await peers.tracking.getVersion(MODEL, '1')).run_id ?? ''
  const { run_id: runId, version } = await trackProject(openProject(folder.path), peers.tracking, { experiment: MODEL, model: MODEL })
  verify(version === '1', `the first model is version 1 (it is ${version})`)
  return runId
}

/** The first version goes through the same gate as every later one. */
export const gateStep: Step = {
  key: 'gate',
  title: 'Judge version 1 at the gate',
  run: async (context, report) => {
    await context.peers.monitor.submitCandidate(MODEL, '1')
    await context.time.settle(report)
    const candidate = (await context.peers.monitor.candidates(MODEL)).find(({ version }) => version === '1')
    verify(candidate?.state === 'promoted', `version 1 passes the gate (it is ${candidate?.state ?? 'unknown'}: ${JSON.stringify(candidate?.gates)})`)
    const checks = candidate?.gates.flatMap((gate) => gate.checks) ?? []
    await championIs(context)
    return `passed: ${checks.map(({ rule }) => rule).join('; ')}`
  },
}

async function championIs(context: DemoContext): Promise<string> {
  const version = await context.peers.tracking.getByAlias(MODEL, 'champion')
  verify(version !== undefined, `alias champion of ${MODEL} names a version`)
  return version?.version ?? ''
}

export const serveStep: Step = {
  key: 'serve',
  title: 'Serve it',
  run: async (context, report) => {
    const champion = await championIs(context)
    for (let attempt = 0; ; attempt++) {
      const deployment = (await context.peers.serving.deployments()).find(({ model }) => model === MODEL)
      if (deployment?.state === 'ready' && deployment.version === champion) break
      verify(attempt < 200, `serving answers with version ${champion} (it is ${deployment?.state ?? 'absent'}: ${deployment?.reason ?? ''})`)
      report(`version ${champion} is ${deployment?.state ?? 'awaited'}`)
      await sleep(100)
    }
    const world = await context.world()
    const start = beginning(context.config.clock)
    const [first] = (await world.between(start, new Date(start.getTime() + DAY_MS))).requests
    verify(first !== undefined, 'there is a first flight to ask about')
    if (first === undefined) return ''
    const options = { requestId: `check-${first.id}`, time: first.moment, probe: true }
    const mlflow = await context.peers.serving.invocations([first.row], { ...options, model: MODEL })
    const oip = await context.peers.serving.predict(MODEL, [first.row], options)
    const probability = oip.probabilities[0]
    verify(probability !== undefined && probability === mlflow.probabilities[0], '/invocations and /v2 answer alike')
    verify(oip.version === champion, `the answer names version ${champion}`)
    return `version ${champion} answers /invocations and /v2/models/${MODEL}/infer: ${(100 * (probability ?? 0)).toFixed(1)} % for ${first.id}`
  },
}
