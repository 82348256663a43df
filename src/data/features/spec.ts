import type { FeatureSpec } from '../../domain/feature-spec.ts'
import type { FeatureDefinitions, FeatureService } from './definition.ts'

/** The service as it is recorded beside a model. `online` lists each feature of the store once, in order of first use. */
export function featureSpecOf(definitions: FeatureDefinitions, service: FeatureService): FeatureSpec {
  const entity = definitions.entities.get(service.entity)!
  const used = [...service.numeric, ...service.categorical].flatMap((input) => input.of)
  return {
    format: 'millrace.features/1',
    service: service.name,
    inputs: service.inputs.map(({ name, type, required }) => ({ name, type, required })),
    entity: { name: entity.name, joinKey: entity.joinKey },
    moment: {
      column: service.moment.column,
      plusMinutes: [...service.moment.plusMinutes],
      offsetMinutes: service.moment.offsetMinutes,
    },
    online: [...new Set(used.filter((column) => column.includes(':')))],
    numeric: service.numeric.map(({ name, transform, of }) => ({ name, transform, of: [...of], fill: null })),
    categorical: service.categorical.map(({ name, transform, of }) => ({ name, transform, of: [...of] })),
  }
}
