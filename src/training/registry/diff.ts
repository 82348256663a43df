import type { Difference, Lineage, VersionDiff } from '../../api/registry.ts'
import type { RegistryContext } from './context.ts'
import { lineageOf } from './lineage.ts'
import { findManifest } from './manifests.ts'

export interface VersionName {
  readonly model: string
  readonly version: number
}

type Values = ReadonlyMap<string, string | number>

/** What differs between two versions, of one model or of two: facts, data, params, metrics, features, tags and files. */
export async function diffVersions(context: RegistryContext, a: VersionName, b: VersionName): Promise<VersionDiff> {
  const [left, right] = [await areas(context, a), await areas(context, b)]
  const differences = [...left].flatMap(([area, values]) => differ(area, values, right.get(area) ?? new Map()))
  const name = ({ model, version }: VersionName) => ({ model, version: String(version) })
  return { a: name(a), b: name(b), differences }
}

async function areas(context: RegistryContext, { model, version }: VersionName): Promise<ReadonlyMap<Difference['area'], Values>> {
  const lineage = await lineageOf(context, model, version)
  const files = (await findManifest(context.db.kysely, model, version))?.files ?? []
  return new Map<Difference['area'], Values>([
    ['version', facts(lineage)],
    ['data', new Map([...Object.entries(lineage.data), ...lineage.datasets.map(({ name, digest }): [string, string] => [name, digest])])],
    ['feature', new Map(lineage.features.map((feature) => [feature, 'used']))],
    ['param', new Map(Object.entries(lineage.params))],
    ['metric', new Map(Object.entries(lineage.metrics))],
    ['tag', new Map(Object.entries(lineage.tags))],
    ['file', new Map(files.map(({ path, sha256 }) => [path, sha256]))],
  ])
}

function facts({ description, stage, source, run, commit, contract, digest, training_window: window }: Lineage): Values {
  const known = { description, stage, source, run: run?.run_id ?? null, commit, contract, digest, 'training.from': window?.from ?? null, 'training.to': window?.to ?? null }
  return new Map(Object.entries(known).flatMap(([key, value]): [string, string][] => (value === null ? [] : [[key, value]])))
}

function differ(area: Difference['area'], left: Values, right: Values): readonly Difference[] {
  return [...new Set([...left.keys(), ...right.keys()])]
    .toSorted()
    .map((key): Difference => ({ area, key, a: left.get(key) ?? null, b: right.get(key) ?? null }))
    .filter(({ a, b }) => a !== b)
}
