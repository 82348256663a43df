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
}

/** The declared deployments that answer; and where models come from a folder, those of it that came after the start. What else a caller may have had loaded is not listed. */
export function servedModels(router: Router, fromFolder: boolean): readonly ServedModel[] {
  const { deployments, versions } = router
  const declared = deployments.flatMap(({ name, champion }): ServedModel[] => (champion ? [{ name, alias: champion.alias, model: champion.model, named: deployments.length > 1 }] : []))
  const later = fromFolder
    ? versions.locator.undeclared.flatMap(({ name }): ServedModel[] => {
        const model = versions.onDemand?.peek(name, `@${LATEST}`)
        return model ? [{ name, alias: LATEST, model, named: true }] : []
      })
    : []
  return [...declared, ...later]
}
