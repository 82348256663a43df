import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LineCounter, isMap, isNode, parseDocument } from 'yaml'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import { parseConfig } from '../../platform/config/index.ts'
import { parseDuration, type MomentExpression } from '../../domain/moment.ts'
import { checkDefinitions } from './check.ts'
import type { Entity, FeatureDefinitions, FeatureService, FeatureView, LabelDefinition, LatestView, Source, WindowView } from './definition.ts'
import { entitySchema, latestViewSchema, serviceSchema, windowViewSchema, type EntityYaml, type LatestViewYaml, type ServiceYaml, type WindowViewYaml } from './schema.ts'

/** Every definition in the folder's `*.yaml` files. CONFIG_INVALID or FEATURES_INVALID with file, line and key for the first file at fault. */
export function readDefinitions(folder: string): FeatureDefinitions {
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name))
  } catch (error) {
    throw toMillraceError(error, `reading the feature definitions in ${folder}`)
  }
  const files = names.sort().map((name) => ({ file: join(folder, name), text: readFileSync(join(folder, name), 'utf8') }))
  return parseDefinitions(files)
}

export interface DefinitionFile {
  readonly file: string
  readonly text: string
}

/** Where a definition was written, for the messages of checks that need several files. */
export type PlaceOf = (kind: 'entity' | 'view' | 'service', name: string, path: readonly (string | number)[]) => string

export function parseDefinitions(files: readonly DefinitionFile[]): FeatureDefinitions {
  const entities = new Map<string, Entity>()
  const views = new Map<string, FeatureView>()
  const services = new Map<string, FeatureService>()
  const origins = new Map<string, DefinitionFile>()
  const add = <T extends { readonly name: string }>(map: Map<string, T>, kind: 'entity' | 'view' | 'service', value: T, file: DefinitionFile) => {
    const first = origins.get(`${kind}:${value.name}`)
    if (first !== undefined) {
      throw new MillraceError('FEATURES_INVALID', `${placeIn(file, ['name'])}: name: there is a ${kind} ${value.name} already, in ${first.file}`)
    }
    origins.set(`${kind}:${value.name}`, file)
    map.set(value.name, value)
  }
  for (const file of files) {
    const kind = kindOf(file)
    if (kind === 'entity') add(entities, 'entity', entityOf(parseConfig(entitySchema, file.text, file.file)), file)
    else if (kind === 'latest') add(views, 'view', latestViewOf(parseConfig(latestViewSchema, file.text, file.file), file), file)
    else if (kind === 'window') add(views, 'view', windowViewOf(parseConfig(windowViewSchema, file.text, file.file), file), file)
    else add(services, 'service', serviceOf(parseConfig(serviceSchema, file.text, file.file), file), file)
  }
  const definitions: FeatureDefinitions = { entities, views, services }
  checkDefinitions(definitions, (kind, name, path) => {
    const origin = origins.get(`${kind}:${name}`)
    return origin === undefined ? name : placeIn(origin, path)
  })
  return definitions
}

const KINDS = ['entity', 'latest', 'window', 'service'] as const

function kindOf(file: DefinitionFile): (typeof KINDS)[number] {
  const document = parseDocument(file.text)
  const found: unknown = isMap(document.contents) ? document.get('kind') : undefined
  const kind = KINDS.find((known) => known === found)
  if (kind === undefined && document.errors.length === 0) {
    throw new MillraceError('FEATURES_INVALID', `${placeIn(file, ['kind'])}: kind: found ${JSON.stringify(found) ?? 'nothing'}, expected one of ${KINDS.join(', ')}`)
  }
  // A file that is no YAML at all: the schema's parser tells the line.
  return kind ?? 'entity'
}

/** `file:line` of a key, or of the nearest thing around it that is there. */
function placeIn({ file, text }: DefinitionFile, path: readonly (string | number)[]): string {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true)
    if (isNode(node) && node.range) return `${file}:${lines.linePos(node.range[0]).line}`
  }
  return `${file}:1`
}

function entityOf(yaml: EntityYaml): Entity {
  return { name: yaml.name, joinKey: yaml.join_key, type: yaml.type, description: yaml.description }
}

function momentOf(yaml: LatestViewYaml['source']['time'], where: string): MomentExpression {
  return { column: yaml.column, plusMinutes: yaml.plus_minutes, offsetMinutes: parseDuration(yaml.offset, where) / 60_000 }
}

function sourceOf(yaml: LatestViewYaml['source'], where: string): Source {
  return { path: yaml.path, time: momentOf(yaml.time, where), created: yaml.created }
}

function latestViewOf(yaml: LatestViewYaml, file: DefinitionFile): LatestView {
  return {
    kind: 'latest',
    name: yaml.name,
    entity: yaml.entity,
    description: yaml.description,
    source: sourceOf(yaml.source, placeIn(file, ['source', 'time', 'offset'])),
    ttlMs: yaml.ttl === undefined ? undefined : parseDuration(yaml.ttl, placeIn(file, ['ttl'])),
    features: yaml.features.map(({ name, column, type, description }) => ({ name, column: column ?? name, type, description })),
  }
}

function windowViewOf(yaml: WindowViewYaml, file: DefinitionFile): WindowView {
  return {
    kind: 'window',
    name: yaml.name,
    entity: yaml.entity,
    description: yaml.description,
    source: sourceOf(yaml.source, placeIn(file, ['source', 'time', 'offset'])),
    windowMs: parseDuration(yaml.window, placeIn(file, ['window'])),
    features: yaml.features.map(({ name, aggregate, column, above, description }) => ({ name, aggregate, column, above, description })),
  }
}

function serviceOf(yaml: ServiceYaml, file: DefinitionFile): FeatureService {
  const { name, description, path, key, entity, inputs, numeric, categorical } = yaml
  return {
    name, description, path, key, entity, inputs, numeric, categorical,
    moment: momentOf(yaml.moment, placeIn(file, ['moment', 'offset'])),
    label: labelOf(yaml.label, placeIn(file, ['label'])),
  }
}

function labelOf({ column, above, equals }: ServiceYaml['label'], where: string): LabelDefinition {
  if (above !== undefined && equals === undefined) return { column, above }
  if (equals !== undefined && above === undefined) return { column, equals }
  throw new MillraceError('FEATURES_INVALID', `${where}: label: found ${above === undefined ? 'neither above nor equals' : 'both above and equals'}, expected one of them`)
}
