import type { Command } from 'commander'

export interface CommandModule {
  readonly register: (program: Command) => void
}

/** Every first word of the command line, and the module that registers it. */
export const COMMANDS = {
  demo: () => import('./demo.ts'),
  up: () => import('./up.ts'),
  serve: () => import('./serve.ts'),
  init: () => import('./init.ts'),
  data: () => import('./data.ts'),
  contract: () => import('./contract.ts'),
  features: () => import('./features.ts'),
  repro: () => import('./repro.ts'),
  train: () => import('./train.ts'),
  evaluate: () => import('./evaluate.ts'),
  executions: () => import('./executions.ts'),
  track: () => import('./track.ts'),
  models: () => import('./models.ts'),
  deploy: () => import('./deploy.ts'),
  haproxy: () => import('./haproxy.ts'),
  import: () => import('./import.ts'),
  export: () => import('./export.ts'),
  gc: () => import('./gc.ts'),
  db: () => import('./db.ts'),
  events: () => import('./events.ts'),
  query: () => import('./query.ts'),
  replay: () => import('./replay.ts'),
  status: () => import('./status.ts'),
  clock: () => import('./clock.ts'),
} as const satisfies Record<string, () => Promise<CommandModule>>

export type CommandName = keyof typeof COMMANDS

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name)
}
