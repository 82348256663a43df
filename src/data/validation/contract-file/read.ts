import { isMap, parseDocument } from 'yaml'
import { columnChecks, keyCheck, withUniqueRules, type Check, type Contract, type Table } from '../../../domain/contract/index.ts'
import { Fields, show } from './fields.ts'
import { Problems, type Problem } from './problems.ts'
import { readProperty, type ReadProperty } from './properties.ts'
import { readQuality, type Scope } from './quality.ts'
import { readServiceLevel } from './service-levels.ts'

export interface ContractReading {
  /** Undefined where a problem is an error. */
  readonly contract: Contract | undefined
  readonly problems: readonly Problem[]
}

const VERSIONS = ['v3.1.0', 'v3.0.2', 'v3.0.1', 'v3.0.0']

/** Reads the text of an Open Data Contract Standard v3 file. Never throws: all that is wrong is in `problems`. */
export function readContract(text: string, file: string): ContractReading {
  const problems = new Problems(file)
  const document = parseDocument(text, { lineCounter: problems.lines, prettyErrors: false })
  for (const error of document.errors) problems.error(error.pos[0], '', `is not YAML: ${error.message}`)
  for (const warning of document.warnings) problems.warn(warning.pos[0], '', warning.message)
  let contract: Contract | undefined
  if (document.errors.length === 0) {
    if (isMap(document.contents)) contract = readRoot(new Fields(document.contents, '', document, problems))
    else problems.error(0, '', `expected a data contract (a mapping), found ${document.contents === null ? 'nothing' : 'something else'}`)
  }
  const all = problems.all
  return { contract: all.some((problem) => problem.severity === 'error') ? undefined : contract, problems: all }
}

function readRoot(fields: Fields): Contract | undefined {
  fields.documentary(
    'tenant', 'tags', 'servers', 'dataProduct', 'description', 'domain', 'support', 'price', 'team', 'roles', 'slaDefaultElement', 'authoritativeDefinitions',
    'customProperties', 'contractCreatedTs',
  )
  const apiVersion = fields.requireString('apiVersion')
  if (apiVersion !== undefined && !VERSIONS.includes(apiVersion)) fields.error('apiVersion', `expected one of ${VERSIONS.join(', ')}; found ${show(apiVersion)}`)
  if (fields.has('kind')) fields.oneOf('kind', ['DataContract'])
  else fields.error('kind', 'is required here and missing; expected DataContract')
  const id = fields.requireString('id')
  const version = fields.requireString('version')
  fields.requireString('status')
  const name = fields.string('name')
  const read = fields.each('schema').flatMap((object) => readTable(object) ?? [])
  if (!fields.has('schema')) fields.warn('schema', 'is missing: without it there is nothing to check')
  refuseRepeats(fields, 'schema', read.map((one) => one.table.name))
  const levels = fields.each('slaProperties').flatMap((entry) => readServiceLevel(entry, read.map((one) => one.scope)) ?? [])
  fields.finish()
  if (apiVersion === undefined || id === undefined || version === undefined) return undefined
  const tables = read.map(({ table }) => {
    const checks = withUniqueRules([...table.checks, ...levels.filter((level) => level.table === table.name)])
    return { ...table, checks }
  })
  return { id, name: name ?? id, version, apiVersion, tables }
}

function readTable(fields: Fields): { table: Table; scope: Scope } | undefined {
  fields.documentary(
    'id', 'physicalType', 'physicalName', 'description', 'businessName', 'authoritativeDefinitions', 'tags', 'customProperties', 'dataGranularityDescription',
  )
  fields.unchecked('one table is checked at a time', 'relationships')
  fields.oneOf('logicalType', ['object'])
  const name = fields.requireString('name')
  const properties = fields.each('properties').flatMap((property) => readProperty(property) ?? [])
  refuseRepeats(fields, 'properties', properties.map((property) => property.column.name))
  const scope: Scope = {
    table: name ?? '',
    columns: properties.map((property) => property.column.name),
    physical: new Map(properties.map((property) => [property.name, property.column.name])),
  }
  const ofColumns = properties.flatMap((property) => readColumnChecks(property, scope))
  const ofTable = fields.each('quality').flatMap((entry) => readQuality(entry, scope) ?? [])
  fields.finish()
  if (name === undefined) return undefined
  const key = keyOf(properties)
  const checks: readonly Check[] = [...ofColumns, ...(key.length === 0 ? [] : [keyCheck(name, key)]), ...ofTable]
  return { table: { name, columns: properties.map((property) => property.column), checks }, scope }
}

function readColumnChecks(property: ReadProperty, scope: Scope): readonly Check[] {
  const { fields, column, demands } = property
  const quality = fields.each('quality').flatMap((entry) => readQuality(entry, { ...scope, column: column.name }) ?? [])
  fields.finish()
  return [...columnChecks(scope.table, column, demands), ...quality]
}

function keyOf(properties: readonly ReadProperty[]): readonly string[] {
  return properties
    .filter((property) => property.column.partOfKey)
    .toSorted((a, b) => (a.keyPosition ?? Infinity) - (b.keyPosition ?? Infinity) || 0)
    .map((property) => property.column.name)
}

function refuseRepeats(fields: Fields, key: string, names: readonly string[]): void {
  for (const name of new Set(names.filter((one, index) => names.indexOf(one) !== index))) fields.error(key, `names ${show(name)} twice`)
}
