import { join, resolve } from 'node:path'
import { type ServiceName, ownServices, serviceUrl } from '../platform/config/index.ts'
import { ENTRY } from '../platform/entry.ts'
import { type SupervisedService, Supervisor } from '../platform/supervisor/index.ts'
import { servingStopMs } from '../serving/limits/stopping.ts'
import type { Project } from './project.ts'

/** Who must answer before whom. The gateway comes first: its console shows the others coming up. */
const AFTER: Readonly<Record<ServiceName, readonly ServiceName[]>> = {
  gateway: [],
  tracking: [],
  features: [],
  pipelines: ['gateway'],
  serving: ['tracking', 'features'],
  monitor: ['tracking', 'features'],
}

/** Small young generation and heap: six services share a laptop with everything else. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-old-space-size=512', '--max-semi-space-size=2'] as const
/** Those that answer a few times a second: they take the smaller heap and give up some speed. */
const OFF_THE_HOT_PATH: readonly ServiceName[] = ['gateway', 'tracking', 'pipelines']

/** The project's services, each `millrace serve NAME` in a process of its own, on the Node that runs this. */
export function supervisedServices({ config }: Pick<Project, 'config'>): readonly SupervisedService[] {
  const running = ownServices(config)
  return running.map((name) => ({
    name,
    command: [process.execPath, ...NODE_FLAGS, ...(OFF_THE_HOT_PATH.includes(name) ? ['--optimize-for-size'] : []), ENTRY, 'serve', name] as [string, ...string[]],
    healthUrl: `${serviceUrl(config, name)}/health`,
    after: AFTER[name].filter((other) => running.includes(other)),
    ...(name === 'serving' ? { stopMs: servingStopMs(config) } : {}),
  }))
}

export function createSupervisor({ folder, config }: Project, environment: Readonly<Record<string, string | undefined>> = {}): Supervisor {
  const state = resolve(folder, config.storage.folder)
  // Two arenas: glibc otherwise keeps one a thread and core, and what DuckDB and ONNX Runtime free stays in them.
  return new Supervisor(supervisedServices({ config }), { folder, logFolder: join(state, 'logs'), environment: { MALLOC_ARENA_MAX: '2', ...environment } })
}
