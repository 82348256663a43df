import { someOf } from '../../domain/signature.ts'
import type { MillraceError } from '../../platform/errors/index.ts'
import type { TensorInterface } from '../runtime/tensor/session.ts'
import type { RowShape } from './protocol.ts'
import { badRequest } from './shapes.ts'

/** Columns of a message that are told one by one; of more, the first and the last. */
const TOLD = 3

/** That a model without a signature takes nothing of the name at `where`: its tensors, and the columns as which they may come too, where those are called otherwise. */
export function refuseName(where: string, { inputs }: TensorInterface, { columns }: Pick<RowShape, 'columns'>): MillraceError {
  const tensors = inputs.map(({ name }) => name)
  const names = columns.map(({ name }) => name).filter((name) => !tensors.includes(name))
  const told = names.length > TOLD ? `${names[0]} … ${names.at(-1)}` : names.join(', ')
  return badRequest(`${where}: the model takes ${someOf(tensors)}${told === '' ? '' : `, or the columns ${told}`}`)
}
