import type { Check } from './checks.ts'

export const LOGICAL_TYPES = ['string', 'date', 'timestamp', 'time', 'number', 'integer', 'object', 'array', 'boolean'] as const
export type LogicalType = (typeof LOGICAL_TYPES)[number]

/** What is checked of an Open Data Contract Standard v3.1 document. The parts that only people read are not kept. */
export interface Contract {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly apiVersion: string
  readonly tables: readonly Table[]
}

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  /** In the order of the contract: each column's own, then the table's, then the service levels. */
  readonly checks: readonly Check[]
}

export interface Column {
  /** As it stands in the data: ODCS' `physicalName` where given, else `name`. Case counts. */
  readonly name: string
  readonly logicalType?: LogicalType
  /** A type of DuckDB's in its own spelling, `INTEGER`, `TIMESTAMP WITH TIME ZONE`. */
  readonly physicalType?: string
  /** For timestamps: whether the type must (or must not) carry a time zone. */
  readonly timezone?: boolean
  readonly partOfKey: boolean
  /** Its values are withheld from sample rows. */
  readonly sensitive: boolean
}

/** As datacontract-cli: values of a column so classified do not leave the data. */
const SENSITIVE = new Set(['pii', 'personal', 'personal_data', 'confidential', 'restricted', 'sensitive', 'secret'])

export function isSensitive(classification: string | undefined): boolean {
  return classification !== undefined && SENSITIVE.has(classification.trim().toLowerCase())
}
