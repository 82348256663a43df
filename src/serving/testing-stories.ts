import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'node:test'
import { controlClient } from '../../sdk/control.ts'
import { createTransport } from '../../sdk/http.ts'
import { servingClient } from '../../sdk/serving.ts'
import type { MillraceEvent, OutboxPage } from '../api/events.ts'
import type { JournalRecord } from '../api/serving.ts'
import { startForTest } from '../platform/service/testing.ts'
import { servingService } from './index.ts'
import { FIXTURES, type Registry, type TestConfigOptions, startRegistry, testConfig, wholeJournal } from './testing.ts'

/** A serving that a story is about. */
export interface Serving {
  readonly url: string
  readonly stop: () => Promise<unknown>
}

export type StartServing = (projectFolder: string, options: TestConfigOptions) => Promise<Serving>

export interface StoryOptions {
  /** `storage.database` of a configuration: one that is empty. SQLite where it is not said. */
  readonly storage?: () => string | Promise<string>
  readonly start?: StartServing
}

/** What stories about serving are told with, anew for each. */
export interface Story {
  readonly registry: Registry
  readonly folder: string
  readonly url: string
  /** With more of millrace.yaml; stories may start it more than once. */
  readonly start: (yaml: string, options?: TestConfigOptions) => Promise<void>
  readonly stop: () => Promise<unknown>
  readonly client: () => ReturnType<typeof servingClient>
  readonly caughtUp: () => Promise<boolean>
  readonly setClock: (time: string) => Promise<void>
  readonly events: () => Promise<readonly MillraceEvent[]>
  readonly metrics: () => Promise<string>
  /** All of it. */
  readonly journal: () => Promise<readonly JournalRecord[]>
}

const inThisProcess: StartServing = (projectFolder, options) => startForTest(servingService, testConfig(options), { projectFolder })

/** Before each story, a registry with these versions, made of fixtures, and these aliases, and an empty database; after it, nothing. */
export function setUpStories({ storage = () => 'sqlite', start = inThisProcess }: StoryOptions, { versions, aliases }: Readonly<Record<'versions' | 'aliases', Readonly<Record<string, string>>>>): Story {
  let folder = ''
  let registry: Registry | undefined
  let serving: Serving | undefined
  let database = ''
  beforeEach(async () => {
    database = await storage()
    folder = mkdtempSync(join(tmpdir(), 'serving-'))
    registry = await startRegistry(join(folder, 'registry'))
    for (const [version, fixture] of Object.entries(versions)) registry.add(version, join(FIXTURES, fixture))
    for (const [alias, version] of Object.entries(aliases)) registry.move(alias, version)
  })
  afterEach(async () => {
    await serving?.stop()
    await registry?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const theRegistry = (): Registry => {
    if (registry) return registry
    throw new Error('the story has not begun')
  }
  const url = () => serving?.url ?? ''
  const control = () => controlClient(createTransport(url()))
  return {
    get registry() {
      return theRegistry()
    },
    get folder() {
      return folder
    },
    get url() {
      return url()
    },
    start: async (yaml, options) => {
      const { url: registryUrl } = theRegistry()
      serving = await start(join(folder, 'project'), { tracking: registryUrl, gateway: registryUrl, ...options, yaml: `storage: {database: '${database}'}\n${yaml}` })
    },
    stop: async () => serving?.stop(),
    client: () => servingClient(createTransport(url())),
    caughtUp: async () => (await control().watermark()).caught_up,
    setClock: async (time) => void (await control().setClock(new Date(time))),
    events: async () => ((await (await fetch(`${url()}/-/outbox`)).json()) as OutboxPage).events,
    journal: () => wholeJournal(url()),
    metrics: async () => (await fetch(`${url()}/metrics`)).text(),
  }
}
