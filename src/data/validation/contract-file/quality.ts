import { DIMENSIONS, NONE, STATISTICS, type Check, type Dimension, type Measure, type Scalar, type Severity, type ValueTest } from '../../../domain/contract/index.ts'
import { type Fields, show } from './fields.ts'
import { readPattern } from './pattern.ts'
import { readThreshold } from './threshold.ts'

/** Where a quality rule stands: at a table, or at one of its columns. */
export interface Scope {
  readonly table: string
  readonly columns: readonly string[]
  /** The contract's name of each column → its name in the data. */
  readonly physical: ReadonlyMap<string, string>
  readonly column?: string
}

const METRICS = ['nullValues', 'missingValues', 'invalidValues', 'duplicateValues', 'rowCount'] as const
const ENGINE = 'millrace'
/** datacontract-cli lets the same words pass with a warning. */
const WARNINGS = new Set(['info', 'warning', 'warn', 'low', 'minor', 'trivial'])

const DIMENSION_OF: Readonly<Record<string, Dimension>> = {
  nullValues: 'completeness', missingValues: 'completeness', rowCount: 'completeness', duplicateValues: 'uniqueness',
  invalidValues: 'conformity', forbiddenValues: 'conformity', otherColumns: 'conformity', rows: 'consistency', statistic: 'accuracy', sql: 'consistency',
}

/** One entry of `quality`; undefined for what is only text, belongs to another engine, or is malformed (which is reported). */
export function readQuality(fields: Fields, scope: Scope): Check | undefined {
  fields.documentary('authoritativeDefinitions', 'businessImpact', 'customProperties', 'method', 'schedule', 'scheduler')
  const type = fields.oneOf('type', ['library', 'text', 'sql', 'custom'] as const) ?? (fields.has('type') ? undefined : 'library')
  const common = readCommon(fields)
  const body = type === undefined ? undefined : readBody(fields, type, scope)
  if (type !== undefined) fields.finish()
  if (body === undefined) return undefined
  const { dimension, severity, qualityId, name, ...rest } = common
  return {
    ...rest,
    rule: name ?? qualityId ?? `${scope.column ?? scope.table}.${body.type}`,
    category: 'quality',
    type: body.type,
    table: scope.table,
    measure: body.measure,
    threshold: body.threshold,
    unit: body.unit,
    dimension: dimension ?? DIMENSION_OF[body.type] ?? 'conformity',
    severity,
    ...(qualityId === undefined ? {} : { qualityId }),
  }
}

interface Common {
  readonly name?: string
  readonly qualityId?: string
  readonly description?: string
  readonly dimension?: Dimension
  readonly severity: Severity
  readonly tags: readonly string[]
}

function readCommon(fields: Fields): Common {
  const name = fields.string('name')
  const qualityId = fields.string('id')
  const description = fields.string('description')
  const dimension = fields.oneOf('dimension', DIMENSIONS)
  const severity = fields.string('severity')
  return {
    ...(name ? { name } : {}),
    ...(qualityId ? { qualityId } : {}),
    ...(description ? { description: description.trim() } : {}),
    ...(dimension === undefined ? {} : { dimension }),
    severity: severity !== undefined && WARNINGS.has(severity.toLowerCase()) ? 'warning' : 'error',
    tags: fields.strings('tags') ?? [],
  }
}

type Body = Pick<Check, 'type' | 'measure' | 'threshold' | 'unit'>

function readBody(fields: Fields, type: 'library' | 'text' | 'sql' | 'custom', scope: Scope): Body | undefined {
  switch (type) {
    case 'text':
      fields.documentary('unit')
      return undefined
    case 'sql':
      return readSql(fields, scope)
    case 'custom':
      return readCustom(fields, scope)
    case 'library':
      return readLibrary(fields, scope)
  }
}

function readLibrary(fields: Fields, scope: Scope): Body | undefined {
  if (!fields.has('metric') && fields.has('rule')) {
    fields.warn('rule', 'is deprecated since v3.1; write metric')
  }
  const key = fields.has('metric') ? 'metric' : 'rule'
  if (!fields.has(key)) return fields.error('metric', `is required here and missing; expected one of ${METRICS.join(', ')}`)
  const metric = fields.oneOf(key, METRICS)
  const threshold = readThreshold(fields)
  const unit = readUnit(fields)
  const given = fields.fields('arguments')
  if (metric === undefined) return undefined
  const measure = readMetric(fields, given, metric, scope)
  given?.finish()
  if (metric === 'rowCount' && unit === 'percent') return fields.error('unit', 'rowCount is counted in rows, found "percent"')
  return measure && threshold && { type: metric, measure, threshold, unit }
}

function readMetric(fields: Fields, given: Fields | undefined, metric: (typeof METRICS)[number], scope: Scope): Measure | undefined {
  const { column } = scope
  if (metric === 'rowCount') {
    return column === undefined ? { kind: 'rowCount' } : fields.error('metric', 'rowCount belongs to the quality of a schema object, not of a property')
  }
  if (metric === 'duplicateValues') return readDuplicates(fields, given, scope)
  if (column === undefined) return fields.error('metric', `${metric} belongs to the quality of a property, not of a schema object`)
  switch (metric) {
    case 'nullValues':
      return { kind: 'nullValues', column }
    case 'missingValues':
      return readMissing(fields, given, column)
    case 'invalidValues':
      return readInvalid(fields, given, column)
  }
}

function readDuplicates(fields: Fields, given: Fields | undefined, scope: Scope): Measure | undefined {
  if (scope.column !== undefined) {
    return given?.has('properties')
      ? given.error('properties', 'belongs to duplicateValues of a schema object; here the property itself is meant')
      : { kind: 'duplicateValues', columns: [scope.column] }
  }
  const named = given?.strings('properties')
  if (named === undefined || named.length === 0) {
    return fields.error('arguments', 'expected properties: the names of the columns that must be unique together')
  }
  const unknown = named.filter((name) => !scope.physical.has(name))
  if (unknown.length > 0) return given?.error('properties', `names no property of ${scope.table}: ${unknown.join(', ')}`)
  return { kind: 'duplicateValues', columns: named.map((name) => scope.physical.get(name) ?? name) }
}

function readMissing(fields: Fields, given: Fields | undefined, column: string): Measure | undefined {
  const values = given?.scalars('missingValues')
  if (values === undefined) return fields.error('arguments', "expected missingValues: the values that count as missing, such as [null, '', 'N/A']")
  return { kind: 'missingValues', column, values: values.filter((value) => value !== null), nullIsMissing: values.includes(null) }
}

function readInvalid(fields: Fields, given: Fields | undefined, column: string): Measure | undefined {
  const tests: ValueTest[] = []
  if (given?.has('validValues')) {
    const values = nonNull(given, 'validValues')
    if (values) tests.push({ test: 'validValues', values })
  }
  const pattern = given && readPattern(given, 'pattern')
  if (pattern !== undefined) tests.push({ test: 'pattern', pattern })
  if (given?.has('validValues') || given?.has('pattern')) return tests.length > 0 ? { kind: 'invalidValues', column, tests } : undefined
  return fields.error('arguments', 'expected validValues or pattern')
}

function nonNull(fields: Fields, key: string): readonly Scalar[] | undefined {
  const values = fields.scalars(key)?.filter((value) => value !== null)
  if (values === undefined) return undefined
  if (values.length === 0) return fields.error(key, 'expected at least one value')
  if (new Set(values.map((value) => typeof value)).size > 1) return fields.error(key, `expected values of one type, found ${values.map(show).join(', ')}`)
  return values
}

function readSql(fields: Fields, scope: Scope): Body | undefined {
  const query = fields.requireString('query')
  const threshold = readThreshold(fields)
  fields.documentary('unit')
  if (query === undefined || threshold === undefined) return undefined
  if (scope.column === undefined && /\{(property|column|field)\}/.test(query)) {
    return fields.error('query', 'names {property}, but stands at a schema object; move it to the property')
  }
  const sql = query
    .replaceAll(/["']?\$?\{(?:object|table|model|schema)\}["']?/g, () => quote(scope.table))
    .replaceAll(/["']?\$?\{(?:property|column|field)\}["']?/g, () => quote(scope.column ?? ''))
  return { type: 'sql', measure: { kind: 'query', sql }, threshold, unit: 'rows' }
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`
}

const CUSTOM = ['rows', 'otherColumns', 'statistic', 'forbiddenValues'] as const

/** What the standard's library lacks. The operators stand inside `implementation`: the standard's schema allows none beside `engine`. */
function readCustom(fields: Fields, scope: Scope): Body | undefined {
  const engine = fields.requireString('engine')
  if (engine === undefined) return undefined
  if (engine !== ENGINE) {
    fields.documentary('implementation', 'unit')
    fields.warn('engine', `is not checked: it is a rule of ${engine}; only engine: ${ENGINE} is run here`)
    return undefined
  }
  const given = fields.fields('implementation')
  if (given === undefined) return fields.has('implementation') ? undefined : fields.error('implementation', 'is required here and missing')
  const unit = readUnit(fields)
  const check = given.has('check') ? given.oneOf('check', CUSTOM) : given.error('check', `is required here and missing; expected one of ${CUSTOM.join(', ')}`)
  if (check === undefined) return undefined
  const measure = readCustomMeasure(given, check, scope)
  const threshold = check === 'statistic' ? readThreshold(given) : readThreshold(given, NONE)
  given.finish()
  if (check === 'statistic' && unit === 'percent') return fields.error('unit', 'a statistic is compared as it is, found "percent"')
  return measure && threshold && { type: check, measure, threshold, unit }
}

function readCustomMeasure(given: Fields, check: (typeof CUSTOM)[number], scope: Scope): Measure | undefined {
  const { column } = scope
  if (check === 'rows') {
    const expression = given.requireString('expression')
    return expression === undefined ? undefined : { kind: 'failedRows', expression }
  }
  if (check === 'otherColumns') {
    return column === undefined ? { kind: 'otherColumns' } : given.error('check', 'otherColumns belongs to a schema object, not to a property')
  }
  if (column === undefined) return given.error('check', `${check} belongs to a property, not to a schema object`)
  if (check === 'forbiddenValues') {
    const values = given.has('values') ? nonNull(given, 'values') : given.error('values', 'is required here and missing')
    return values && { kind: 'invalidValues', column, tests: [{ test: 'forbiddenValues', values }] }
  }
  return readStatistic(given, column)
}

function readStatistic(given: Fields, column: string): Measure | undefined {
  const statistic = given.has('statistic') ? given.oneOf('statistic', STATISTICS) : given.error('statistic', `is required here; one of ${STATISTICS.join(', ')}`)
  const quantile = given.number('quantile')
  if (statistic === undefined) return undefined
  if (statistic !== 'quantile') {
    return quantile === undefined ? { kind: 'statistic', column, statistic } : given.error('quantile', 'belongs to statistic: quantile')
  }
  if (quantile === undefined || quantile < 0 || quantile > 1) return given.error('quantile', `expected a number from 0 to 1, found ${show(quantile ?? null)}`)
  return { kind: 'statistic', column, statistic, quantile }
}

function readUnit(fields: Fields): 'rows' | 'percent' {
  const unit = fields.string('unit')?.toLowerCase()
  if (unit === undefined || unit === 'rows') return 'rows'
  if (unit === 'percent' || unit === 'percentage' || unit === '%') return 'percent'
  fields.error('unit', `expected rows or percent, found ${show(unit)}`)
  return 'rows'
}

