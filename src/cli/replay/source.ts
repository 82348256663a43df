import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api'
import type { Scalar } from '../../api/serving.ts'
import { Instance } from '../../platform/duckdb/instance.ts'
import { literal } from '../../platform/duckdb/sql.ts'
import type { Project } from '../project.ts'
import { loadLabels } from '../query/tables.ts'
import { queryFiles, recordedOutputsView, recordedTensorsView, recordedView } from '../query/views.ts'
import type { Recorded, RecordedRow, Row } from './rows.ts'
import type { RecordedTensors, TensorDifference, Tensors } from './tensors.ts'

export interface Span {
  readonly model: string
  /** Project time, milliseconds; `to` is not part of it. */
  readonly from: number
  readonly to: number
}

export interface Compared {
  readonly a: number
  readonly b: number
  readonly label: number | null
  readonly slice: Scalar
}

/** Of one output, of a request or of a row of it. */
export interface ComparedTensor {
  readonly name: string
  readonly difference: TensorDifference
}

const LIMITS = { memory: '256MB', threads: 2 }

/** Recorded traffic in, compared answers out: both in DuckDB, which spills what does not fit. */
export class ReplayStore {
  readonly #instance: Instance
  readonly #reading: DuckDBConnection
  readonly #writing: DuckDBConnection

  private constructor(instance: Instance, reading: DuckDBConnection, writing: DuckDBConnection) {
    this.#instance = instance
    this.#reading = reading
    this.#writing = writing
  }

  static async open(project: Project, { model, from, to }: Span): Promise<ReplayStore> {
    const files = queryFiles(project)
    const instance = await Instance.open({ ...LIMITS, confinedTo: [...files.journal, ...files.packed] })
    const reading = await instance.connect()
    await reading.run(recordedView(files))
    await loadLabels(reading, project)
    const within = `model = ${literal(model)} and "time" >= ${from} and "time" < ${to}`
    await reading.run(`create view replayed as select r.*, l.label from (select distinct on (id, "row") * from recorded where ${within} order by id, "row", "time") r left join labels l using (id, "row")`)
    await reading.run(recordedOutputsView(files))
    await reading.run(`create view replayed_outputs as select distinct on (id, "row") * from recorded_outputs where ${within} order by id, "row", "time"`)
    await reading.run(recordedTensorsView(files))
    await reading.run(`create view replayed_tensors as select distinct on (id) * from recorded_tensors where ${within} order by id, "time"`)
    const tensorColumns = 'output VARCHAR, elements INTEGER, changed DOUBLE, numbers INTEGER, absolute DOUBLE, furthest DOUBLE'
    await reading.run(`create table compared_tensors (${tensorColumns})`)
    await reading.run(`create table compared_tensor_rows (${tensorColumns}, "text" VARCHAR, "number" DOUBLE)`)
    await reading.run('create table compared (a DOUBLE, b DOUBLE, label DOUBLE, "text" VARCHAR, "number" DOUBLE)')
    return new ReplayStore(instance, reading, await instance.connect())
  }

  count(): Promise<number> {
    return this.#count('replayed')
  }

  /** Requests whose tensors were the model's own, and rows that were answered with no score. */
  async countTensors(): Promise<number> {
    return (await this.#count('replayed_tensors')) + (await this.#count('replayed_outputs'))
  }

  async #count(view: string): Promise<number> {
    const [row] = (await this.#reading.runAndReadAll(`select count(*)::INTEGER from ${view}`)).getRows()
    return Number(row?.[0] ?? 0)
  }

  async *recordedTensors(): AsyncGenerator<readonly RecordedTensors[], void> {
    const result = await this.#reading.stream('select tensors, masked::JSON::VARCHAR from replayed_tensors')
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      yield chunk.getRows().map(([tensors, masked]) => {
        const { inputs = {}, outputs = {} } = parse<{ readonly inputs?: Tensors; readonly outputs?: Tensors }>(tensors, {})
        return { inputs, outputs, masked: parse<readonly string[]>(masked, []) }
      })
    }
  }

  async *recordedOutputs(): AsyncGenerator<readonly { readonly asked: RecordedRow; readonly outputs: Tensors }[], void> {
    const result = await this.#reading.stream(`select ${ROW}, tensors from replayed_outputs`)
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      yield chunk.getRows().map((row) => ({ asked: recordedRow(row), outputs: parse<{ readonly outputs?: Tensors }>(row[6], {}).outputs ?? {} }))
    }
  }

  /** Of one request. */
  async addTensors(outputs: readonly ComparedTensor[]): Promise<void> {
    const appender = await this.#writing.createAppender('compared_tensors')
    for (const output of outputs) {
      appendTensor(appender, output)
      appender.endRow()
    }
    appender.closeSync()
  }

  /** Of one request, each row for itself. */
  async addTensorRows(rows: readonly (ComparedTensor & { readonly slice: Scalar })[]): Promise<void> {
    const appender = await this.#writing.createAppender('compared_tensor_rows')
    for (const row of rows) {
      appendTensor(appender, row)
      appendSlice(appender, row.slice)
      appender.endRow()
    }
    appender.closeSync()
  }

  /** By request, so that a slice of time does not come first. */
  async *recorded(): AsyncGenerator<readonly Recorded[], void> {
    const result = await this.#reading.stream(`select ${ROW}, score, label from replayed`)
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      yield chunk.getRows().map((row) => ({ ...recordedRow(row), score: Number(row[6]), label: typeof row[7] === 'number' ? row[7] : null }))
    }
  }

  async add(rows: readonly Compared[]): Promise<void> {
    const appender = await this.#writing.createAppender('compared')
    for (const { a, b, label, slice } of rows) {
      appender.appendDouble(a)
      appender.appendDouble(b)
      appendNumber(appender, label)
      appendSlice(appender, slice)
      appender.endRow()
    }
    appender.closeSync()
  }

  async rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return (await this.#writing.runAndReadAll(sql)).getRowObjectsJS()
  }

  close(): void {
    this.#reading.closeSync()
    this.#writing.closeSync()
    this.#instance.close()
  }
}

const ROW = 'id, "row", inputs, features, missing::JSON::VARCHAR, masked::JSON::VARCHAR'

/** Of what `ROW` selects. */
function recordedRow([id, row, inputs, features, missing, masked]: readonly unknown[]): RecordedRow {
  return {
    id: String(id),
    row: Number(row),
    inputs: parse<Row>(inputs, {}),
    features: parse<Row>(features, {}),
    missing: parse<readonly string[]>(missing, []),
    masked: parse<readonly string[]>(masked, []),
  }
}

function appendTensor(appender: DuckDBAppender, { name, difference: { elements, changed, numbers } }: ComparedTensor): void {
  appender.appendVarchar(name)
  appender.appendInteger(elements)
  appender.appendDouble(changed)
  appender.appendInteger(numbers?.count ?? 0)
  appendNumber(appender, numbers?.absolute ?? null)
  appendNumber(appender, numbers?.furthest ?? null)
}

/** As text, or as a number: the other is null. */
function appendSlice(appender: DuckDBAppender, slice: Scalar): void {
  if (slice === null || typeof slice === 'number') appender.appendNull()
  else appender.appendVarchar(String(slice))
  appendNumber(appender, typeof slice === 'number' ? slice : null)
}

function appendNumber(appender: DuckDBAppender, value: number | null): void {
  if (value === null) appender.appendNull()
  else appender.appendDouble(value)
}

/** Written by serving. */
function parse<T>(text: unknown, absent: T): T {
  return typeof text === 'string' ? JSON.parse(text) : absent
}
