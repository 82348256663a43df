import type { Column, LogicalType } from './contract.ts'

const ALIASES: Readonly<Record<string, string>> = {
  BOOL: 'BOOLEAN', LOGICAL: 'BOOLEAN',
  INT1: 'TINYINT', INT2: 'SMALLINT', SHORT: 'SMALLINT', INT4: 'INTEGER', INT: 'INTEGER', SIGNED: 'INTEGER', INT8: 'BIGINT', LONG: 'BIGINT',
  FLOAT4: 'FLOAT', REAL: 'FLOAT', FLOAT8: 'DOUBLE', NUMERIC: 'DECIMAL',
  TEXT: 'VARCHAR', STRING: 'VARCHAR', CHAR: 'VARCHAR', BPCHAR: 'VARCHAR', NVARCHAR: 'VARCHAR',
  BYTEA: 'BLOB', BINARY: 'BLOB', VARBINARY: 'BLOB',
  DATETIME: 'TIMESTAMP', TIMESTAMPTZ: 'TIMESTAMP WITH TIME ZONE', TIMETZ: 'TIME WITH TIME ZONE',
}

const INTEGERS = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT', 'UHUGEINT']
const TIMES = ['TIME', 'TIME WITH TIME ZONE', 'TIME_NS']
const TIMESTAMPS = ['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMP WITH TIME ZONE']
const KNOWN = new Set([...INTEGERS, ...TIMES, ...TIMESTAMPS, 'BOOLEAN', 'FLOAT', 'DOUBLE', 'DECIMAL', 'VARCHAR', 'BLOB', 'DATE', 'UUID', 'JSON', 'INTERVAL'])

/**
 * A scalar type of DuckDB's in its own spelling: `int` → `INTEGER`, `varchar(20)` → `VARCHAR`. A decimal keeps its precision when one is given.
 * Undefined for what is no such type, a nested one included.
 */
export function physicalType(text: string): string | undefined {
  const match = /^([a-z_0-9]+(?: with time zone)?)(\s*\([\d\s,]*\))?$/i.exec(text.trim())
  if (!match) return undefined
  const name = match[1]!.toUpperCase()
  const base = ALIASES[name] ?? name
  if (!KNOWN.has(base)) return undefined
  return base === 'DECIMAL' && match[2] ? `DECIMAL${match[2].replaceAll(/\s/g, '')}` : base
}

const BY_LOGICAL_TYPE: Readonly<Record<LogicalType, (type: string) => boolean>> = {
  string: (type) => type === 'VARCHAR' || type === 'UUID' || type.startsWith('ENUM('),
  integer: (type) => INTEGERS.includes(type),
  number: (type) => INTEGERS.includes(type) || type === 'FLOAT' || type === 'DOUBLE' || type.startsWith('DECIMAL'),
  boolean: (type) => type === 'BOOLEAN',
  date: (type) => type === 'DATE',
  time: (type) => TIMES.includes(type),
  timestamp: (type) => TIMESTAMPS.includes(type),
  array: (type) => type.endsWith(']'),
  object: (type) => /^(STRUCT|MAP)\(/.test(type) || type === 'JSON',
}

/** Whether a column of `type` (DuckDB's spelling) is what the contract says. */
export function conforms(column: Column, type: string): boolean {
  if (column.physicalType !== undefined) {
    return type === column.physicalType || (column.physicalType === 'DECIMAL' && type.startsWith('DECIMAL('))
  }
  if (column.logicalType !== undefined && !BY_LOGICAL_TYPE[column.logicalType](type)) return false
  return column.timezone === undefined || type.endsWith('WITH TIME ZONE') === column.timezone
}

/** What the contract expects, in words: `INTEGER`, `timestamp with time zone`. */
export function expectedType(column: Column): string {
  if (column.physicalType !== undefined) return column.physicalType
  const zone = column.timezone === undefined ? '' : column.timezone ? ' with time zone' : ' without time zone'
  return `${column.logicalType ?? 'any type'}${zone}`
}

const TO_PARSE: Readonly<Record<LogicalType, string | undefined>> = {
  string: 'VARCHAR', integer: 'HUGEINT', number: 'DOUBLE', boolean: 'BOOLEAN', date: 'DATE', time: 'TIME', timestamp: 'TIMESTAMP WITH TIME ZONE',
  array: undefined, object: undefined,
}

/** The type that text of an untyped file (CSV) is read as, or undefined where a contract cannot ask for it there. */
export function typeOfText(column: Column): string | undefined {
  if (column.physicalType !== undefined) return column.physicalType
  if (column.logicalType === undefined) return 'VARCHAR'
  return column.logicalType === 'timestamp' && column.timezone === false ? 'TIMESTAMP' : TO_PARSE[column.logicalType]
}

export function isFloating(type: string): boolean {
  return type === 'FLOAT' || type === 'DOUBLE'
}
