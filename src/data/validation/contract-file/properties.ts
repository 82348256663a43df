import { LOGICAL_TYPES, isSensitive, physicalType, type Column, type ColumnDemands, type ValueTest } from '../../../domain/contract/index.ts'
import { type Fields, show } from './fields.ts'
import { readOptions } from './options.ts'

export interface ReadProperty {
  /** The contract's own name for it. */
  readonly name: string
  readonly column: Column
  readonly demands: ColumnDemands
  readonly keyPosition?: number
  readonly fields: Fields
}

/** One entry of `properties`. Its `quality` is read by the caller, who then calls `fields.finish`. */
export function readProperty(fields: Fields): ReadProperty | undefined {
  fields.documentary(
    'id', 'businessName', 'description', 'tags', 'customProperties', 'authoritativeDefinitions', 'examples', 'criticalDataElement', 'encryptedName',
    'transformSourceObjects', 'transformLogic', 'transformDescription', 'partitioned', 'partitionKeyPosition',
  )
  fields.unchecked('nested data is checked for its outer type only', 'properties', 'items')
  fields.unchecked('one table is checked at a time', 'relationships')
  const name = fields.requireString('name')
  const logicalType = fields.oneOf('logicalType', LOGICAL_TYPES)
  const physical = readPhysicalType(fields)
  const { tests, timezone } = readOptions(fields, logicalType)
  const primaryKey = fields.boolean('primaryKey') ?? false
  const keyPosition = readKeyPosition(fields, primaryKey)
  const demands = { required: fields.boolean('required') ?? false, unique: fields.boolean('unique') ?? false, tests: checkTests(fields, tests) }
  const physicalName = fields.string('physicalName')
  const classification = fields.string('classification')
  if (name === undefined) return undefined
  return {
    name,
    column: {
      name: physicalName || name,
      ...(logicalType === undefined ? {} : { logicalType }),
      ...(physical === undefined ? {} : { physicalType: physical }),
      ...(timezone === undefined ? {} : { timezone }),
      partOfKey: primaryKey,
      sensitive: isSensitive(classification),
    },
    demands,
    ...(keyPosition === undefined ? {} : { keyPosition }),
    fields,
  }
}

function readPhysicalType(fields: Fields): string | undefined {
  const text = fields.string('physicalType')
  if (text === undefined) return undefined
  const type = physicalType(text)
  if (type === undefined) fields.warn('physicalType', `is not checked: ${show(text)} is no scalar type of DuckDB; logicalType is checked instead`)
  return type
}

function readKeyPosition(fields: Fields, primaryKey: boolean): number | undefined {
  if (!fields.has('primaryKeyPosition')) return undefined
  const position = fields.wholeNumber('primaryKeyPosition', -1)
  if (position === undefined || position === -1) return undefined
  if (!primaryKey) return fields.error('primaryKeyPosition', 'is given, but primaryKey is not true')
  return position >= 1 ? position : fields.error('primaryKeyPosition', 'counts from 1, found 0')
}

/** Bounds that no value can meet are a slip of the pen, and would refuse all data. */
function checkTests(fields: Fields, tests: readonly ValueTest[]): readonly ValueTest[] {
  const lowest = tests.flatMap((test) => (test.test === 'minimum' || test.test === 'exclusiveMinimum' ? [test.bound] : []))
  const highest = tests.flatMap((test) => (test.test === 'maximum' || test.test === 'exclusiveMaximum' ? [test.bound] : []))
  for (const low of lowest) {
    for (const high of highest) if (low > high) fields.error('logicalTypeOptions', `the least value ${low} is above the greatest ${high}`)
  }
  return tests
}

