/**
 * The transformations that make a model's numeric inputs from raw columns and features, on demand. This is their one implementation:
 * training calls it on columns, serving on rows, so that the two cannot disagree. They are pure functions of numbers; a missing
 * value is NaN and makes the result NaN.
 */
export interface Transform {
  readonly arguments: readonly string[]
  readonly description: string
  /** Takes as many numbers as `arguments` names; the others are ignored. */
  readonly apply: (a: number, b: number, c: number) => number
}

export const TRANSFORMS = {
  passthrough: { arguments: ['value'], description: 'the value itself', apply: (a) => a },
  difference: { arguments: ['a', 'b'], description: 'a − b', apply: (a, b) => a - b },
  ratio: { arguments: ['a', 'b'], description: 'a ÷ b; missing where b is 0', apply: (a, b) => (b === 0 ? Number.NaN : a / b) },
  log1p: { arguments: ['value'], description: 'ln(1 + value); missing below −1', apply: (a) => Math.log1p(a) },
  hour_of_hhmm: { arguments: ['time'], description: 'hour of a clock time written as a number: 1435 → 14', apply: (a) => Math.floor(a / 100) },
  minutes_of_hhmm: { arguments: ['time'], description: 'minutes since midnight: 1435 → 875', apply: minutesOfDay },
  minutes_between_hhmm: {
    arguments: ['from', 'to'],
    description: 'minutes from one clock time to the next time it is the other, 0 … 1439',
    apply: (a, b) => (minutesOfDay(b) - minutesOfDay(a) + 1440) % 1440,
  },
  day_of_week: { arguments: ['year', 'month', 'day'], description: '1 (Monday) … 7 (Sunday), as ISO 8601', apply: dayOfWeek },
  day_of_year: {
    arguments: ['year', 'month', 'day'],
    description: '1 … 366',
    apply: (year, month, day) => (Date.UTC(year, month - 1, day) - Date.UTC(year, 0, 1)) / 86_400_000 + 1,
  },
} as const satisfies Readonly<Record<string, Transform>>

export type TransformName = keyof typeof TRANSFORMS

export function transformNamed(name: string): Transform | undefined {
  return Object.hasOwn(TRANSFORMS, name) ? TRANSFORMS[name as TransformName] : undefined
}

function minutesOfDay(time: number): number {
  return Math.floor(time / 100) * 60 + (time % 100)
}

/** Days since 1970-01-01, a Thursday. */
function dayOfWeek(year: number, month: number, day: number): number {
  const days = Date.UTC(year, month - 1, day) / 86_400_000
  return ((((days + 3) % 7) + 7) % 7) + 1
}
