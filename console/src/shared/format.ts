const dayMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
const dayMonthYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
const month = new Intl.DateTimeFormat('en-GB', { month: 'short', timeZone: 'UTC' })
const monthYear = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' })
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })
const whole = new Intl.NumberFormat('en-US')

type Moment = string | number

/** All of project time is shown in UTC. */
export const formatDay = (moment: Moment): string => dayMonth.format(new Date(moment))
export const formatDate = (moment: Moment): string => dayMonthYear.format(new Date(moment))
export const formatMonth = (moment: Moment): string => month.format(new Date(moment))
export const formatMonthYear = (moment: Moment): string => monthYear.format(new Date(moment))
export const formatTime = (moment: Moment): string => time.format(new Date(moment))
export const formatCount = (value: number): string => whole.format(value)
export const formatScore = (value: number | null | undefined, digits = 3): string => (value === null || value === undefined ? '–' : value.toFixed(digits))

/** With its sign, and a true minus: `+0.021`, `−0.009`. */
export function formatGain(value: number, digits = 3): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`
}
