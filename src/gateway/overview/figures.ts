const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })

/** 81,234 */
export function count(value: number): string {
  return whole.format(value)
}

/** 81.2K: where a figure must fit a small place. */
export function short(value: number): string {
  return value < 10_000 ? whole.format(value) : compact.format(value)
}

/** `1 report`, `2 reports`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${whole.format(value)} ${value === 1 ? one : many}`
}

/** `7 Apr`, in UTC as all project time. */
export function shortDate(time: string): string {
  return day.format(new Date(time))
}

/** The value of the metric `name`, whatever stands before it: `auc`, `holdout.auc`, `test/auc`. */
export function metric(metrics: Readonly<Record<string, number>>, name: string): number | undefined {
  const named = Object.keys(metrics).filter((key) => key.split(/[./-]|holdout_|test_|validation_/).at(-1) === name)
  const best = named.find((key) => key === name) ?? named.find((key) => key.startsWith('holdout')) ?? named[0]
  return best === undefined ? undefined : metrics[best]
}
