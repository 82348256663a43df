import { join } from 'node:path'
import { Listr } from 'listr2'
import { readDefinitions } from '../../data/features/parse.ts'
import { serviceUrl } from '../../platform/config/index.ts'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import type { Supervisor } from '../../platform/supervisor/index.ts'
import type { Project } from '../project.ts'
import { finishStep, trainStep, validateStep, versionStep } from './build-steps.ts'
import { type FlightsWorld, openFlightsWorld } from './flights.ts'
import type { DemoFolder } from './folder.ts'
import { liveStep, retrainStep, watchStep } from './live-step.ts'
import { watchMemory } from './memory.ts'
import { connectDemo } from './peers.ts'
import { featuresStep, gateStep, serveStep, trackStep } from './serve-steps.ts'
import { type DemoContext, MODEL, type Step, verify } from './step.ts'
import { type Summary, meanFigures, monthFigures } from './summary.ts'
import { timeDriver } from './time.ts'

const STEPS: readonly Step[] = [versionStep, validateStep, trainStep, featuresStep, trackStep, gateStep, serveStep, liveStep, watchStep, retrainStep, finishStep]

export interface RunOptions {
  readonly folder: DemoFolder
  readonly project: Project
  readonly supervisor: Supervisor
  /** When the command began, milliseconds: the summary's seconds count from there. */
  readonly begun: number
  readonly signal: AbortSignal
}

/** Starts the services, then one step after the other; each line of the display gets its figure when its step has been verified. */
export async function runSteps({ folder, project, supervisor, begun, signal }: RunOptions): Promise<Summary> {
  const { config } = project
  const memory = watchMemory()
  let world: Promise<FlightsWorld> | undefined
  const context: DemoContext = {
    folder,
    config,
    peers: connectDemo(config),
    time: timeDriver(connectDemo(config)),
    world: () => (world ??= openWorld(folder)),
    state: folder.state,
    keep: (change) => {
      context.state = { ...context.state, ...change }
      folder.save(context.state)
    },
  }
  const figures: Summary['steps'][number][] = []
  const tasks = new Listr(
    [
      {
        title: 'Start the services',
        task: async (_: unknown, task) => {
          supervisor.on('status', ({ name, state }) => {
            task.output = `${name} ${state}`
          })
          await supervisor.start()
          task.title = `Start the services: console at ${serviceUrl(config, 'gateway')}`
        },
      },
      ...STEPS.map((step) => ({
        title: step.title,
        task: async (_: unknown, task: { title: string; output: string }) => {
          if (signal.aborted) throw new MillraceError('CANCELLED', 'interrupted; the same command goes on from here')
          const start = Date.now()
          const figure = await step.run(context, (progress) => {
            task.output = progress
            if (signal.aborted) throw new MillraceError('CANCELLED', 'interrupted; the same command goes on from here')
          })
          task.title = `${step.title}: ${figure}`
          context.keep({ figures: { ...context.state.figures, [step.key]: figure } })
          figures.push({ key: step.key, title: step.title, figure, seconds: (Date.now() - start) / 1000 })
        },
      })),
    ],
    { concurrent: false, exitOnError: true, fallbackRenderer: 'simple', rendererOptions: { collapseSubtasks: false } },
  )
  try {
    await tasks.run()
    const series = await context.peers.monitor.performance(MODEL, 'month')
    const months = monthFigures(series)
    const candidates = await context.peers.monitor.candidates(MODEL)
    return {
      sample: context.state.sample,
      seconds: (Date.now() - begun) / 1000,
      peak_memory_bytes: memory.peak()?.bytes,
      peak_memory_by_process: memory.peak()?.by ?? {},
      steps: figures,
      months,
      mean: meanFigures(months),
      retrained: candidates.filter(({ reason }) => reason !== 'submitted').length,
      promoted: candidates.filter(({ state }) => state === 'promoted').length,
      events_verified: await verifyEvents(context),
    }
  } catch (error) {
    const known = toMillraceError(error)
    if (known.code !== 'INTERNAL') throw known
    throw new MillraceError('DEMO_FAILED', known.message, { cause: error })
  } finally {
    memory.stop()
    if (world !== undefined) (await world).close()
  }
}

async function openWorld(folder: DemoFolder): Promise<FlightsWorld> {
  const service = readDefinitions(join(folder.path, 'features')).services.get(MODEL)
  if (service === undefined) throw new MillraceError('FEATURES_INVALID', `features/ of ${folder.path} has no feature service ${MODEL}`)
  return openFlightsWorld(join(folder.path, '.millrace', 'demo', 'world.duckdb'), { inputs: service.inputs, key: service.key, sample: folder.state.sample })
}

/** Every event of every source, its chain checked here and not by the one that keeps it. */
async function verifyEvents({ peers }: DemoContext): Promise<number> {
  const { findBreak } = await import('../../platform/events/chain.ts')
  const bySource = new Map<string, Parameters<typeof findBreak>[0][number][]>()
  let count = 0
  for (let after = 0; ; ) {
    const page = await peers.events.page(after)
    for (const { event } of page.events) bySource.set(event.source, [...(bySource.get(event.source) ?? []), event])
    count += page.events.length
    if (page.events.length === 0) break
    after = page.events.at(-1)?.position ?? page.position
  }
  for (const events of bySource.values()) {
    const broken = findBreak(events)
    verify(broken === null, broken ?? '')
  }
  return count
}
