import type { FeatureViewSummary } from '../../api/features.ts'
import { parseFeatureSpec } from '../../domain/feature-spec.ts'
import type { CandidateEvidence } from '../../domain/gates.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Registry } from './registry.ts'

/** What the candidate gate must know of a version: its run's metrics, and which of the features it needs the online store can give. */
export async function gatherEvidence(
  registry: Registry,
  featureViews: () => Promise<readonly FeatureViewSummary[]>,
  model: string,
  version: string,
): Promise<CandidateEvidence> {
  const registered = await registry.version(model, version)
  if (!registered) throw new MillraceError('NOT_FOUND', `${model} has no version ${version}`)
  const metrics = registered.runId === null ? {} : await registry.runMetrics(registered.runId)
  const spec = await registry.modelFile(model, version, 'features.json')
  // A version without recorded features takes all of its inputs from the request, so there is none that the store could lack.
  const needed = spec ? parseFeatureSpec(new TextDecoder().decode(spec), `${model} version ${version}: features.json`).online : []
  const online = needed.length === 0 ? [] : await featureViews()
  const served = new Set(online.flatMap((view) => (view.online ? view.features.map((feature) => `${view.name}:${feature}`) : [])))
  return { metrics, features: { needed, unavailable: needed.filter((feature) => !served.has(feature)) } }
}
