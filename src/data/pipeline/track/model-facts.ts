import { readFileSync } from 'node:fs'
import Type from 'typebox'
import Value from 'typebox/value'
import { parseDocument } from 'yaml'
import type { Artifact } from './artifacts.ts'

/** The verdict of `millrace contract check`, as its report tells it (domain/contract/report.ts). */
export interface ContractResult {
  readonly contract: string
  readonly version: string
  readonly result: string
  readonly rows: number
  readonly checks: number
}

const Report = Type.Object({
  contract: Type.String(),
  dataContractVersion: Type.String(),
  result: Type.String(),
  rows: Type.Number(),
  summary: Type.Object({ checks: Type.Number() }),
})

/** The contract report among the artifacts, told by its shape; undefined where there is none. */
export function readContractResult(artifacts: readonly Artifact[]): ContractResult | undefined {
  for (const { path, file } of artifacts) {
    if (!path.startsWith('reports/') || !path.endsWith('.json')) continue
    const json = parse(file)
    if (!Value.Check(Report, json)) continue
    return { contract: json.contract, version: json.dataContractVersion, result: json.result, rows: json.rows, checks: json.summary.checks }
  }
  return undefined
}

const Spec = Type.Object({ online: Type.Array(Type.String()) })

/** What the model's feature engineering takes from the online store. */
export function readOnlineFeatures(artifacts: readonly Artifact[], model: string): readonly string[] {
  const spec = artifacts.find(({ path }) => path === `${model}/features.json`)
  const json = spec === undefined ? undefined : parse(spec.file)
  return Value.Check(Spec, json) ? json.online : []
}

/** Moments of the first and last row that a model learned from, RFC 3339. */
export interface TrainingWindow {
  readonly from: string
  readonly to: string
}

const Mlmodel = Type.Object({ flavors: Type.Object({ millrace: Type.Object({ training_window: Type.Object({ from: Type.String(), to: Type.String() }) }) }) })

/** As the model's MLmodel says; undefined where another tool wrote it. */
export function readTrainingWindow(artifacts: readonly Artifact[], model: string): TrainingWindow | undefined {
  const mlmodel = artifacts.find(({ path }) => path === `${model}/MLmodel`)
  const document = mlmodel === undefined ? undefined : parseDocument(readFileSync(mlmodel.file, 'utf8'))
  const found: unknown = document === undefined || document.errors.length > 0 ? undefined : document.toJS()
  return Value.Check(Mlmodel, found) ? found.flavors.millrace.training_window : undefined
}

/** Undefined for what is no JSON: an artifact may be anything. */
function parse(file: string): unknown {
  try {
    const json: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return json
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
