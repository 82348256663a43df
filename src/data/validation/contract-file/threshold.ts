import { OPERATORS, type Operator, type Threshold } from '../../../domain/contract/index.ts'
import { type Fields, show } from './fields.ts'

/** The one operator of a rule. With `byDefault`, none may be given. */
export function readThreshold(fields: Fields, byDefault?: Threshold): Threshold | undefined {
  const given = OPERATORS.filter((operator) => fields.has(operator))
  const [operator] = given
  if (operator === undefined) {
    return byDefault ?? fields.error('', `expected one operator of ${OPERATORS.join(', ')}; found none`)
  }
  if (given.length > 1) return fields.error(given[1] ?? operator, `expected one operator, found ${given.join(' and ')}; write a rule for each`)
  return operator === 'mustBeBetween' || operator === 'mustNotBeBetween' ? readInterval(fields, operator) : readBound(fields, operator)
}

function readBound(fields: Fields, operator: Exclude<Operator, 'mustBeBetween' | 'mustNotBeBetween'>): Threshold | undefined {
  const found = fields.scalar(operator)
  if (found === undefined) return undefined
  // A query may answer true or false; both sides are then read as 1 and 0.
  if (typeof found === 'boolean' && (operator === 'mustBe' || operator === 'mustNotBe')) return { operator, value: found ? 1 : 0 }
  if (typeof found === 'number' && Number.isFinite(found)) return { operator, value: found }
  return fields.error(operator, `expected a number, found ${show(found)}`)
}

function readInterval(fields: Fields, operator: 'mustBeBetween' | 'mustNotBeBetween'): Threshold | undefined {
  const bounds = fields.scalars(operator)
  if (bounds === undefined) return undefined
  const [low, high] = bounds
  if (bounds.length !== 2 || typeof low !== 'number' || typeof high !== 'number') {
    return fields.error(operator, `expected two numbers, found [${bounds.map(show).join(', ')}]`)
  }
  return low < high ? { operator, low, high } : fields.error(operator, `expected the smaller number first, found [${low}, ${high}]`)
}
