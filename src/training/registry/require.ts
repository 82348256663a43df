import type { KeyValue } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { LIMITS, checkKey, checkLength } from '../mlflow/limits.ts'
import type { Queries } from '../tables.ts'
import * as store from './store.ts'

export async function requireModel(db: Queries, name: string): Promise<store.ModelRow> {
  return found(await store.findModel(db, name), name)
}

/** Makes concurrent changes of the same model wait until this transaction ends: every change of a model, its versions and its aliases begins with it. */
export async function lockModel(trx: Queries, name: string): Promise<store.ModelRow> {
  return found(await store.lockModel(trx, name), name)
}

export async function requireVersion(db: Queries, name: string, version: number): Promise<store.VersionRow> {
  const row = await store.findVersion(db, name, version)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Model Version (name=${name}, version=${version}) not found`)
  return row
}

export function checkRegistryTags(tags: readonly KeyValue[]): void {
  for (const { key, value } of tags) {
    checkKey(key, 'key')
    checkLength(value, LIMITS.registryTagValue, 'value')
  }
}

function found(row: store.ModelRow | undefined, name: string): store.ModelRow {
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Registered Model with name=${name} not found`)
  return row
}
