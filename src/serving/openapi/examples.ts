import { MillraceError } from '../../platform/errors/index.ts'
import type { LoadedModel } from '../runtime/model.ts'
import { sampleRow, sampleTensors } from '../runtime/sample.ts'
import type { TensorMap } from '../runtime/tensor/session.ts'
import { countOf } from '../runtime/tensor/value.ts'
import type { ServedModel } from './models.ts'
import { columnsExample, nestedRow, tensorsExample } from './tensors.ts'

/** Elements of a request that an example may have: nobody reads an image's. */
const ELEMENTS_SHOWN = 4096

/** Whether a version runs on its sample. */
const runs = new WeakMap<LoadedModel, Promise<boolean>>()

/** What may be sent to `/infer` and is answered; or, in words, why there is nothing to show. */
export async function inferExample({ model, example }: Pick<ServedModel, 'model' | 'example'>): Promise<{ readonly value: unknown } | { readonly without: string }> {
  const { tensors, rows } = model
  if (rows && !tensors) return { value: columnsExample(rows.columns, sampleRow(rows, example)) }
  if (!tensors) return { without: '' }
  const sample = sampleTensors(tensors, rows ? nestedRow(tensors, rows.columns, sampleRow(rows, example)) : example)
  const elements = [...sample.values()].reduce((sum, { shape }) => sum + countOf(shape), 0)
  if (elements > ELEMENTS_SHOWN) return { without: `A request has ${elements} elements at least: too many for an example.` }
  let tried = runs.get(model)
  if (!tried) runs.set(model, (tried = runsOn(model, sample)))
  if (await tried) return { value: tensorsExample(sample) }
  return { without: 'The model does not run on zeros, dimensions that are free being 1; logged with an input example, it would have one here.' }
}

async function runsOn(model: LoadedModel, sample: TensorMap): Promise<boolean> {
  try {
    await model.infer(sample, model.tensors?.outputs.map(({ name }) => name) ?? [])
    return true
  } catch (error) {
    if (error instanceof MillraceError) return false
    throw error
  }
}
