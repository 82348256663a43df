import type { Mask } from '../journal/mask.ts'
import { LATEST } from '../routing/model-repository.ts'
import type { Router } from '../routing/router.ts'
import type { LoadedModel } from '../runtime/model.ts'

/** A version that answers to its model's name now. */
export interface ServedModel {
  readonly name: string
  readonly alias: string
  readonly model: LoadedModel
  /** Whether `/invocations` must be told its name. */
  readonly named: boolean
  /** What it was logged with, without what must not be shown. */
  readonly example: LoadedModel['example']
}

/** The declared deployments that answer; and where models come from a folder, those of it that came after the start. What else a caller may have had loaded is not listed. */
export function servedModels(router: Router, fromFolder: boolean): readonly ServedModel[] {
  const { deployments, versions } = router
  const declared = deployments.flatMap(({ name, champion, recording }): ServedModel[] => (champion ? [{ name, alias: champion.alias, model: champion.model, named: deployments.length > 1, example: unmasked(champion.model, recording.mask) }] : []))
  const later = fromFolder
    ? versions.locator.undeclared.flatMap(({ name, recording }): ServedModel[] => {
        const model = versions.onDemand?.peek(name, `@${LATEST}`)
        return model ? [{ name, alias: LATEST, model, named: true, example: unmasked(model, recording.mask) }] : []
      })
    : []
  return [...declared, ...later]
}

/** What the journal must not hold in plain stands in no document either. */
function unmasked({ example, tensors }: LoadedModel, mask: Mask | null): LoadedModel['example'] {
  if (example === null || mask === null) return example
  const hidden = (name: string): boolean => mask.dropped.has(name) || mask.hashed.has(name)
  const only = tensors?.inputs.length === 1 ? tensors.inputs[0]?.name : undefined
  return Object.fromEntries(Object.entries(example).filter(([name]) => !hidden(name === 'inputs' && only !== undefined ? only : name)))
}
