import type { KeyValue } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { LIMITS, checkKey, checkLength } from '../mlflow/limits.ts'
import type { Queries } from '../tables.ts'
import * as store from './store.ts'

/** With `lockAt`, locks the model and notes the change at that time; see `lockModel`. */
export async function requireModel(db: Queries, name: string, lockAt?: number): Promise<store.ModelRow> {
  const row = lockAt === undefined ? await store.findModel(db, name) : await store.lockModel(db, name, lockAt)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Registered Model with name=${name} not found`)
  return row
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
