import { MillraceError } from '../../platform/errors/index.ts'
import { momentColumns } from '../../domain/moment.ts'
import { transformNamed } from '../../domain/transforms.ts'
import type { FeatureDefinitions, FeatureService, WindowView } from './definition.ts'
import type { PlaceOf } from './parse.ts'

type Refuse = (path: readonly (string | number)[], what: string) => MillraceError

/** Do the definitions fit together? FEATURES_INVALID at the first place where they do not. */
export function checkDefinitions(definitions: FeatureDefinitions, placeOf: PlaceOf): void {
  const refuser =
    (kind: 'view' | 'service', name: string): Refuse =>
    (path, what) =>
      new MillraceError('FEATURES_INVALID', `${placeOf(kind, name, path)}: ${path.join('.')}: ${what}`)
  for (const view of definitions.views.values()) {
    const refuse = refuser('view', view.name)
    checkEntity(definitions, view.entity, refuse)
    checkNames(view.features, ['features'], refuse)
    if (view.kind === 'window') checkWindow(view, refuse)
    else if (view.ttlMs !== undefined && view.ttlMs <= 0) throw refuse(['ttl'], 'expected a duration above 0; leave it out for a value that never grows too old')
  }
  for (const service of definitions.services.values()) checkService(definitions, service, refuser('service', service.name))
}

function checkEntity(definitions: FeatureDefinitions, entity: string, refuse: Refuse): void {
  if (!definitions.entities.has(entity)) throw refuse(['entity'], `there is no entity ${entity}; there are ${[...definitions.entities.keys()].join(', ') || 'none'}`)
}

function checkNames(items: readonly { readonly name: string }[], path: readonly string[], refuse: Refuse): void {
  const seen = new Set<string>()
  items.forEach(({ name }, i) => {
    if (seen.has(name)) throw refuse([...path, i, 'name'], `${name} is defined twice`)
    seen.add(name)
  })
}

function checkWindow(view: WindowView, refuse: Refuse): void {
  if (view.windowMs <= 0) throw refuse(['window'], 'expected a duration above 0')
  view.features.forEach(({ name, aggregate, column, above }, i) => {
    if (aggregate !== 'count' && column === undefined) throw refuse(['features', i], `${name}: ${aggregate} needs a column`)
    if (aggregate === 'share' && above === undefined) throw refuse(['features', i], `${name}: share needs above`)
    if (aggregate !== 'share' && above !== undefined) throw refuse(['features', i, 'above'], `${name}: only share takes above, found ${aggregate}`)
  })
}

function checkService(definitions: FeatureDefinitions, service: FeatureService, refuse: Refuse): void {
  checkEntity(definitions, service.entity, refuse)
  checkNames(service.inputs, ['inputs'], refuse)
  const raw = new Set(service.inputs.map((column) => column.name))
  const { joinKey, type } = definitions.entities.get(service.entity)!
  const position = service.inputs.findIndex((column) => column.name === joinKey)
  const found = service.inputs[position]?.type
  if (found === undefined) throw refuse(['inputs'], `the join key ${joinKey} of entity ${service.entity} must be an input`)
  if (found !== type) throw refuse(['inputs', position, 'type'], `found ${found}, expected ${type}, as the type of entity ${service.entity}`)
  for (const column of momentColumns(service.moment)) {
    if (!raw.has(column)) throw refuse(['moment'], `${column} must be an input, so that serving knows the moment of prediction`)
  }
  checkNames([...service.numeric, ...service.categorical], ['numeric'], refuse)
  if (service.numeric.length + service.categorical.length === 0) throw refuse(['numeric'], 'the model has no inputs')
  for (const part of ['numeric', 'categorical'] as const) {
    service[part].forEach((input, i) => {
      const transform = transformNamed(input.transform)
      if (transform === undefined) throw refuse([part, i, 'transform'], `there is no transformation ${input.transform}`)
      if (part === 'categorical' && input.transform !== 'passthrough') throw refuse([part, i, 'transform'], 'a categorical input is taken as it is')
      if (transform.arguments.length !== input.of.length) {
        throw refuse([part, i, 'of'], `${input.transform} takes (${transform.arguments.join(', ')}), found ${input.of.length} columns`)
      }
      input.of.forEach((column, j) => {
        const problem = referenceProblem(definitions, service, raw, column)
        if (problem !== undefined) throw refuse([part, i, 'of', j], problem)
      })
    })
  }
}

function referenceProblem(definitions: FeatureDefinitions, service: FeatureService, raw: ReadonlySet<string>, column: string): string | undefined {
  if (!column.includes(':')) return raw.has(column) ? undefined : `${column} is no input`
  const [viewName, featureName] = column.split(':')
  const view = definitions.views.get(viewName ?? '')
  if (view === undefined) return `there is no feature view ${viewName}; there are ${[...definitions.views.keys()].join(', ') || 'none'}`
  if (view.entity !== service.entity) return `view ${view.name} is of entity ${view.entity}, the service of ${service.entity}`
  return view.features.some((feature) => feature.name === featureName)
    ? undefined
    : `view ${view.name} has no feature ${featureName}; it has ${view.features.map((feature) => feature.name).join(', ')}`
}
