import type { Double } from '../../../src/api/tracking.ts'

/** Values of a run: a metric is a number, anything else a text. */
export type Value = number | string | undefined

export function fromDouble(value: Double): number {
  return typeof value === 'number' ? value : value === 'NaN' ? Number.NaN : value === 'Infinity' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 })

/** A figure in as few characters as keep it apart from its neighbours: five significant digits, a true minus. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  const text =
    value === 0 ? '0' : Number.isInteger(value) && size < 1e9 ? grouped.format(value) : size >= 1e7 || size < 1e-4 ? value.toExponential(3) : size >= 1000 ? grouped.format(value) : String(Number(value.toPrecision(5)))
  return text.replace('-', '−').replace('e−', 'e-').replace('e+', 'e')
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${(hours / 24).toFixed(1)} days`
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const unit = Math.min(4, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** unit).toFixed(bytes / 1024 ** unit < 10 ? 1 : 0)} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][unit] ?? ''}`
}
