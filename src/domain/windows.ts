/** A stretch of project time in milliseconds since 1970; `end` is not part of it. */
export interface Window {
  readonly start: number
  readonly end: number
}

export const DAY_MS = 86_400_000

/** The windows of `length` that begin at `origin` plus a multiple of it and end after `after` and no later than `until`, in order. */
export function windowsEnding(origin: number, length: number, after: number, until: number): Window[] {
  const windows: Window[] = []
  for (let n = Math.floor((after - origin) / length) + 1; origin + n * length <= until; n++) {
    windows.push({ start: origin + (n - 1) * length, end: origin + n * length })
  }
  return windows
}

/** The window that `time` lies in. */
export function windowAt(origin: number, length: number, time: number): Window {
  const start = origin + Math.floor((time - origin) / length) * length
  return { start, end: start + length }
}

export type Period = 'day' | 'week' | 'month'

/** The calendar day, week (from Monday) or month, in UTC, that `time` lies in. */
export function periodAt(period: Period, time: number): Window {
  if (period === 'month') {
    const date = new Date(time)
    const start = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
    return { start, end: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) }
  }
  // 1970-01-05 was a Monday.
  return period === 'week' ? windowAt(4 * DAY_MS, 7 * DAY_MS, time) : windowAt(0, DAY_MS, time)
}

/** All periods from the one of `first` to the one of `last`. */
export function periodsBetween(period: Period, first: number, last: number): Window[] {
  const periods: Window[] = []
  for (let current = periodAt(period, first); current.start <= last; current = periodAt(period, current.end)) periods.push(current)
  return periods
}

/** When a model last trained at `last` is due again: `Nd` after it, or on the first of the next month, or on the next Monday. */
export function dueAgain(atLeastEvery: string, last: number): number {
  if (atLeastEvery === 'monthly') return periodAt('month', last).end
  if (atLeastEvery === 'weekly') return periodAt('week', last).end
  const days = /^(\d+)d$/.exec(atLeastEvery)
  if (!days) throw new RangeError(`${JSON.stringify(atLeastEvery)} is no interval of retraining`)
  return last + Number(days[1]) * DAY_MS
}
