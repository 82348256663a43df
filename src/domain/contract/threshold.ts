export const OPERATORS = [
  'mustBe', 'mustNotBe', 'mustBeGreaterThan', 'mustBeGreaterOrEqualTo', 'mustBeLessThan', 'mustBeLessOrEqualTo', 'mustBeBetween', 'mustNotBeBetween',
] as const
export type Operator = (typeof OPERATORS)[number]

export type Threshold =
  | { readonly operator: Exclude<Operator, 'mustBeBetween' | 'mustNotBeBetween'>; readonly value: number }
  /**
   * Both ends belong to the interval. ODCS v3.1 calls `mustBeBetween` the equivalent of `>` and `<` in one sentence and writes it as
   * `∈ [0, 100]` in its table; datacontract-cli reads it as closed, and so do we, so that both tools give one verdict.
   */
  | { readonly operator: 'mustBeBetween' | 'mustNotBeBetween'; readonly low: number; readonly high: number }

export const NONE: Threshold = { operator: 'mustBe', value: 0 }

/** NaN meets no threshold. */
export function meets(threshold: Threshold, value: number): boolean {
  if (Number.isNaN(value)) return false
  switch (threshold.operator) {
    case 'mustBe':
      return value === threshold.value
    case 'mustNotBe':
      return value !== threshold.value
    case 'mustBeGreaterThan':
      return value > threshold.value
    case 'mustBeGreaterOrEqualTo':
      return value >= threshold.value
    case 'mustBeLessThan':
      return value < threshold.value
    case 'mustBeLessOrEqualTo':
      return value <= threshold.value
    case 'mustBeBetween':
      return threshold.low <= value && value <= threshold.high
    case 'mustNotBeBetween':
      return value < threshold.low || threshold.high < value
  }
}

const SIGNS = {
  mustBe: '=', mustNotBe: '≠', mustBeGreaterThan: '>', mustBeGreaterOrEqualTo: '≥', mustBeLessThan: '<', mustBeLessOrEqualTo: '≤',
} as const

/** `≤ 5 %`, `in [100, 120]`; `show` writes a bound, by default as it stands. */
export function describeThreshold(threshold: Threshold, show: (bound: number) => string = String): string {
  switch (threshold.operator) {
    case 'mustBeBetween':
      return `in [${show(threshold.low)}, ${show(threshold.high)}]`
    case 'mustNotBeBetween':
      return `not in [${show(threshold.low)}, ${show(threshold.high)}]`
    default:
      return `${SIGNS[threshold.operator]} ${show(threshold.value)}`
  }
}
