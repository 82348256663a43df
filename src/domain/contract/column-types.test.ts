import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { conforms, physicalType } from './column-types.ts'
import type { Column } from './contract.ts'

const column = (of: Partial<Column>): Column => ({ name: 'c', partOfKey: false, sensitive: false, ...of })

describe('a physical type', () => {
  const cases = [
    ['int', 'INTEGER'], ['INTEGER', 'INTEGER'], ['varchar(20)', 'VARCHAR'], ['text', 'VARCHAR'], ['timestamptz', 'TIMESTAMP WITH TIME ZONE'],
    ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMP WITH TIME ZONE'], ['decimal(10, 2)', 'DECIMAL(10,2)'], ['numeric', 'DECIMAL'], ['long', 'BIGINT'],
    ['NVARCHAR2', undefined], ['STRUCT(a INTEGER)', undefined], ['', undefined],
  ] as const
  for (const [written, expected] of cases) {
    it(`written ${JSON.stringify(written)} is ${expected ?? 'unknown'}`, () => assert.equal(physicalType(written), expected))
  }
})

describe('a column', () => {
  const cases: readonly [Partial<Column>, readonly string[], readonly string[]][] = [
    [{ logicalType: 'string' }, ['VARCHAR', 'UUID', "ENUM('a')"], ['INTEGER', 'BLOB']],
    [{ logicalType: 'integer' }, ['TINYINT', 'INTEGER', 'UBIGINT', 'HUGEINT'], ['DOUBLE', 'DECIMAL(10,2)', 'VARCHAR']],
    [{ logicalType: 'number' }, ['INTEGER', 'FLOAT', 'DOUBLE', 'DECIMAL(10,2)'], ['VARCHAR', 'BOOLEAN']],
    [{ logicalType: 'boolean' }, ['BOOLEAN'], ['INTEGER']],
    [{ logicalType: 'date' }, ['DATE'], ['TIMESTAMP']],
    [{ logicalType: 'timestamp' }, ['TIMESTAMP', 'TIMESTAMP_NS', 'TIMESTAMP WITH TIME ZONE'], ['DATE', 'VARCHAR']],
    [{ logicalType: 'timestamp', timezone: true }, ['TIMESTAMP WITH TIME ZONE'], ['TIMESTAMP']],
    [{ logicalType: 'timestamp', timezone: false }, ['TIMESTAMP'], ['TIMESTAMP WITH TIME ZONE']],
    [{ logicalType: 'time' }, ['TIME'], ['TIMESTAMP']],
    [{ logicalType: 'array' }, ['INTEGER[]', 'DOUBLE[3]'], ['INTEGER']],
    [{ logicalType: 'object' }, ['STRUCT(a INTEGER)', 'MAP(VARCHAR, INTEGER)'], ['VARCHAR', 'INTEGER']],
    [{ logicalType: 'integer', physicalType: 'INTEGER' }, ['INTEGER'], ['BIGINT']],
    [{ physicalType: 'DECIMAL' }, ['DECIMAL(18,3)'], ['DOUBLE']],
    [{ physicalType: 'DECIMAL(10,2)' }, ['DECIMAL(10,2)'], ['DECIMAL(18,3)']],
    [{}, ['VARCHAR', 'INTEGER[]'], []],
  ]
  for (const [of, right, wrong] of cases) {
    const said = JSON.stringify(of)
    for (const type of right) it(`of ${said} may be ${type}`, () => assert.equal(conforms(column(of), type), true))
    for (const type of wrong) it(`of ${said} may not be ${type}`, () => assert.equal(conforms(column(of), type), false))
  }
})
