import { readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import Type, { type Static } from 'typebox'
import { MillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { checkShape } from './formats/shape.ts'
import { patchMapping } from './formats/yaml-patch.ts'
import type { PyValue } from './formats/py-value.ts'
import { readYaml, type YamlFile } from './formats/yaml-read.ts'
import { writeYaml } from './formats/yaml-write.ts'
import { nameOf, projectPath, type Project } from './project.ts'

const Annotations = {
  desc: Type.Optional(Type.String()),
  type: Type.Optional(Type.String()),
  labels: Type.Optional(Type.Array(Type.String())),
  meta: Type.Optional(Type.Unknown()),
}

const OutShape = Type.Object({
  path: Type.String({ minLength: 1 }),
  md5: Type.Optional(Type.Union([Type.String({ pattern: '^[0-9a-f]{32}(\\.dir)?$' }), Type.Null(), Type.Literal('')])),
  size: Type.Optional(Type.Integer({ minimum: 0 })),
  nfiles: Type.Optional(Type.Integer({ minimum: 0 })),
  isexec: Type.Optional(Type.Boolean()),
  hash: Type.Optional(Type.String()),
  etag: Type.Optional(Type.String()),
  checksum: Type.Optional(Type.String()),
  version_id: Type.Optional(Type.String()),
  cloud: Type.Optional(Type.Unknown()),
  files: Type.Optional(Type.Unknown()),
  fs_config: Type.Optional(Type.Unknown()),
  persist: Type.Optional(Type.Boolean()),
  ...Annotations,
  cache: Type.Optional(Type.Boolean()),
  metric: Type.Optional(Type.Unknown()),
  plot: Type.Optional(Type.Unknown()),
  remote: Type.Optional(Type.String()),
  push: Type.Optional(Type.Boolean()),
}, { additionalProperties: false })

const DvcFileShape = Type.Object(
  {
    md5: Type.Optional(Type.Unknown()),
    cmd: Type.Optional(Type.Unknown()),
    wdir: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    deps: Type.Optional(Type.Unknown()),
    outs: Type.Optional(Type.Union([Type.Array(OutShape), Type.Null()])),
    locked: Type.Optional(Type.Boolean()),
    frozen: Type.Optional(Type.Boolean()),
    meta: Type.Optional(Type.Unknown()),
    always_changed: Type.Optional(Type.Boolean()),
    desc: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
)

/** What a `.dvc` file says of one path. */
export interface DataOut {
  /** Absolute. */
  readonly path: string
  /** With `.dir` for a folder; undefined where nothing has been added yet. */
  readonly oid: string | undefined
  readonly size: number | undefined
  readonly isexec: boolean
  /** DVC 2.x: MD5 with CRLF as LF for text, object directly below the cache. */
  readonly legacy: boolean
  readonly cached: boolean
  readonly push: boolean
}

export interface DvcFile {
  /** Absolute. */
  readonly file: string
  readonly outs: readonly DataOut[]
  readonly yaml: YamlFile
}

/** Throws DVC_FILE_INVALID with file, line and key. */
export function readDvcFile(project: Project, file: string): DvcFile {
  const name = nameOf(project, file)
  const yaml = readYaml(readFileSync(file, 'utf8'), name)
  const shape = checkShape(DvcFileShape, yaml)
  if (shape.cmd !== undefined) {
    throw new MillraceError('DVC_FILE_INVALID', `${name}: a stage with its own file (cmd in a .dvc file) is of DVC 0.x; move it to dvc.yaml with \`dvc stage add\``)
  }
  const base = resolve(dirname(file), shape.wdir ?? '.')
  return { file, yaml, outs: (shape.outs ?? []).map((out) => toOut(insideProject(project, name, base, out.path), out)) }
}

/** What a clone brings along is not trusted: a path that leaves the project would be written, or removed, by a checkout. */
function insideProject(project: Project, name: string, base: string, path: string): string {
  try {
    return projectPath(project, path, base)
  } catch (error) {
    if (error instanceof MillraceError) throw new MillraceError('DVC_FILE_INVALID', `${name}: outs: ${error.message}`, { cause: error })
    throw error
  }
}

function toOut(path: string, out: Static<typeof OutShape>): DataOut {
  return {
    path,
    oid: out.md5 ? out.md5 : undefined,
    size: out.size,
    isexec: out.isexec ?? false,
    legacy: out.hash === undefined,
    cached: out.cache ?? true,
    push: out.push ?? true,
  }
}

/** The facts of a path's content, in the order in which DVC writes them. */
export interface ContentFacts {
  readonly oid: string
  readonly size?: number
  readonly nfiles?: number
  readonly isexec?: boolean
}

/**
 * The text of the `.dvc` file for `facts`. With `old`, only what changed is changed: comments, order, `desc`, `meta`, `labels`, `remote`
 * stay as they are.
 */
export function dvcFileText(name: string, facts: ContentFacts, old?: { readonly file: DvcFile; readonly index: number }): string {
  const content: [string, PyValue | undefined][] = [
    ['md5', facts.oid],
    ['size', facts.size],
    ['nfiles', facts.nfiles],
    ['isexec', facts.isexec ? true : undefined],
    ['hash', 'md5'],
  ]
  if (old) {
    const patched = patchMapping(old.file.yaml, ['outs', old.index], new Map(content))
    if (patched !== undefined) return patched
  }
  const known = content.flatMap(([key, value]): [string, PyValue][] => (value === undefined ? [] : [[key, value]]))
  return writeYaml(new Map([['outs', [new Map<string, PyValue>([...known, ['path', name]])]]]))
}

/** Writes a `.dvc` file so that it is old or new, never half, and only where it differs. Answers whether it did. */
export function writeIfChanged(file: string, text: string, before: string | undefined): boolean {
  if (before === text) return false
  writeFileDurable(file, text)
  return true
}

/** Where DVC puts the `.dvc` file of a path. */
export function dvcFileOf(path: string): string {
  return join(dirname(path), `${basename(path)}.dvc`)
}
