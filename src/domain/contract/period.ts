const SECONDS: Readonly<Record<string, number>> = {
  s: 1, sec: 1, second: 1, seconds: 1,
  min: 60, minute: 60, minutes: 60,
  h: 3600, hr: 3600, hour: 3600, hours: 3600,
  d: 86_400, day: 86_400, days: 86_400,
  w: 604_800, week: 604_800, weeks: 604_800,
  y: 31_536_000, yr: 31_536_000, year: 31_536_000, years: 31_536_000,
}

/** `m` and `month` are left out on purpose: one tool reads minutes, another thirty days. */
export const PERIOD_UNITS = ['s', 'min', 'h', 'd', 'w', 'y'] as const

/** Seconds in one unit of ODCS' `slaProperties.unit` (`d`, `day`, `days` …; a year has 365 days), or undefined. */
export function secondsPerUnit(unit: string): number | undefined {
  return SECONDS[unit.trim().toLowerCase()]
}

/** 93784 → `1 d 2 h`; the two largest units, rounded to the smaller one. */
export function describeSeconds(seconds: number): string {
  if (seconds < 0) return `-${describeSeconds(-seconds)}`
  const units = [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1]] as const
  const first = units.findIndex(([, size]) => seconds >= size)
  if (first === -1 || first === units.length - 1) return `${Math.round(seconds * 1000) / 1000} s`
  const [name, size] = units[first]!
  const [nextName, nextSize] = units[first + 1]!
  const total = Math.round(seconds / nextSize) * nextSize
  const rest = Math.round((total % size) / nextSize)
  return rest === 0 ? `${Math.floor(total / size)} ${name}` : `${Math.floor(total / size)} ${name} ${rest} ${nextName}`
}
