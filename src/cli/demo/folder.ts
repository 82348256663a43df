import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'

const MARKER = '.millrace-demo.json'

/** What the demo has done, kept durably in its folder: an interrupted one goes on from here. */
export interface DemoState {
  /** Share of the rows and of the traffic, above 0 up to 1. */
  readonly sample: number
  /** Steps that were done and verified, by key. */
  readonly done: readonly string[]
  /** Project time up to which the traffic has been replayed, RFC 3339. */
  readonly replayedUntil: string | null
  /** The figures that steps ended with, by key. */
  readonly figures: Readonly<Record<string, string>>
  /** What earlier sittings counted. */
  readonly sent: { readonly predictions: number; readonly labels: number; readonly probes: number }
}

export interface DemoFolder {
  readonly path: string
  readonly state: DemoState
  readonly save: (state: DemoState) => void
}

/** The example project as it lies in this installation: `examples/flights`, two or three folders up from here. */
export const EXAMPLE_FOLDER: string = exampleFolder()
export const SOURCE_FOLDER: string = join(EXAMPLE_FOLDER, 'source')

const PROJECT_FILES = ['millrace.yaml', 'dvc.yaml', 'params.yaml', 'contracts', 'features', 'corrupted'] as const

/**
 * Opens the demo's folder, or makes it and copies the example project in. Throws FOREIGN_FOLDER for a folder that holds anything but a demo,
 * and for a demo that was begun with another sample: its models and figures would mix.
 */
export function openDemoFolder(folder: string, sample: number): DemoFolder {
  const path = resolve(folder)
  const marker = join(path, MARKER)
  let state: DemoState
  if (existsSync(marker)) {
    state = readState(marker)
    if (state.sample !== sample) {
      throw new MillraceError('FOREIGN_FOLDER', `${path} holds a demo of ${state.sample * 100} % of the flights, this is one of ${sample * 100} %; remove the folder or choose another with --folder`)
    }
  } else {
    if (existsSync(path) && readdirSync(path).length > 0) {
      throw new MillraceError('FOREIGN_FOLDER', `${path} is not empty and was not made by the demo (it has no ${MARKER}); remove it or choose another with --folder`)
    }
    state = { sample, done: [], replayedUntil: null, figures: {}, sent: { predictions: 0, labels: 0, probes: 0 } }
    mkdirSync(path, { recursive: true })
    writeFileDurable(marker, JSON.stringify(state))
  }
  for (const name of PROJECT_FILES) {
    if (!existsSync(join(path, name))) cpSync(join(EXAMPLE_FOLDER, name), join(path, name), { recursive: true })
  }
  return { path, state, save: (next) => writeFileDurable(marker, JSON.stringify(next)) }
}

function readState(file: string): DemoState {
  try {
    const state: DemoState = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof state.sample === 'number' && Array.isArray(state.done)) return state
  } catch (error) {
    throw new MillraceError('FOREIGN_FOLDER', `${file} cannot be read as the state of a demo; remove its folder or choose another with --folder`, { cause: error })
  }
  throw new MillraceError('FOREIGN_FOLDER', `${file} is not the state of a demo; remove its folder or choose another with --folder`)
}

function exampleFolder(): string {
  for (const up of ['../../../examples/flights', '../../../../examples/flights']) {
    const path = fileURLToPath(new URL(up, import.meta.url))
    if (existsSync(join(path, 'source'))) return path
  }
  throw new MillraceError('NOT_FOUND', 'this installation lacks its example, examples/flights')
}
