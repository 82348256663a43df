import { type Endpoint, endpoint } from '../mlflow/routes.ts'
import * as aliases from './aliases.ts'
import { parseTime } from './caller.ts'
import type { Change } from './change.ts'
import type { RegistryContext } from './context.ts'
import { diffVersions } from './diff.ts'
import { toVersion } from './fields.ts'
import { gateOutcome } from './gates.ts'
import { lineageOf } from './lineage.ts'
import { requireVersion } from './require.ts'
import { rollBack } from './rollback.ts'
import * as schema from './schema.ts'
import { getManifest, sealVersion, verifyVersion } from './seal.ts'

const REGISTRY = '/2.0/millrace/registry'
/** The older name of `history` and `champion`. */
const MODELS = '/2.0/millrace/registered-models'
const CHAMPION = 'champion'

/** What the registry does beyond MLflow's. */
export function governanceEndpoints(context: RegistryContext, change: Change): readonly Endpoint[] {
  const optional = (version: string | number | undefined) => (version === undefined ? undefined : toVersion(version))
  const history = (path: string) =>
    endpoint('GET', path, schema.aliasHistory, async ({ name, alias }) => ({ moves: await aliases.aliasHistory(context, name, alias) }))
  const champion = (path: string) =>
    endpoint('GET', path, schema.championAt, async ({ name, alias, time }) =>
      aliases.moveAt(context, name, alias ?? CHAMPION, time === undefined ? context.clock.project().getTime() : parseTime(time, 'time')),
    )
  return [
    history(`${MODELS}/alias-history`),
    history(`${REGISTRY}/history`),
    champion(`${MODELS}/champion-at`),
    champion(`${REGISTRY}/champion`),
    endpoint('GET', `${REGISTRY}/lineage`, schema.versionName, ({ name, version }) => lineageOf(context, name, toVersion(version))),
    endpoint('GET', `${REGISTRY}/diff`, schema.diff, ({ name, version, other_name: other, other_version: otherVersion }) =>
      diffVersions(context, { model: name, version: toVersion(version) }, { model: other ?? name, version: toVersion(otherVersion) }),
    ),
    endpoint('GET', `${REGISTRY}/manifest`, schema.versionName, ({ name, version }) => getManifest(context, name, toVersion(version))),
    endpoint('GET', `${REGISTRY}/verify`, schema.versionName, ({ name, version }) => verifyVersion(context, name, toVersion(version))),
    endpoint('GET', `${REGISTRY}/gates`, schema.gateOutcome, async ({ name, version, alias }) =>
      gateOutcome(context, await requireVersion(context.db.kysely, name, toVersion(version)), alias ?? CHAMPION),
    ),
    change('POST', `${REGISTRY}/seal`, schema.versionName, ({ name, version }, by) => sealVersion(context, name, toVersion(version), by)),
    change('POST', `${REGISTRY}/rollback`, schema.rollback, async ({ name: model, alias, expected_version, to_version }, by) => ({
      move: await rollBack(context, { model, alias: alias ?? CHAMPION, expected: optional(expected_version), to: optional(to_version) }, by),
    })),
  ]
}
