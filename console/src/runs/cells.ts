import type { RunInfo } from '../../../src/api/tracking.ts'
import { formatDate, formatTime } from '../shared/format.ts'
import { type ColumnId, keyOf } from '../tracking/keys.ts'
import { type Value, formatDuration, formatFigure } from '../tracking/values.ts'

const TITLES: Readonly<Record<string, string>> = {
  'attributes.start_time': 'Started',
  'attributes.end_time': 'Ended',
  'attributes.duration': 'Duration',
  'attributes.user_id': 'User ID',
  'tags.mlflow.user': 'User',
  'attributes.status': 'Status',
  'attributes.run_id': 'Run ID',
  'attributes.datasets': 'Data sets',
  'attributes.artifact_uri': 'Artifacts',
  'tags.mlflow.source.name': 'Source',
  'tags.mlflow.source.git.commit': 'Commit',
}

/** Attributes that may be shown as columns. */
export const ATTRIBUTE_COLUMNS: readonly ColumnId[] = ['start_time', 'end_time', 'duration', 'status', 'user_id', 'run_id', 'datasets', 'artifact_uri'].map((key) => `attributes.${key}`)

export const titleOf = (column: ColumnId): string => TITLES[column] ?? keyOf(column)
export const isFigure = (column: ColumnId): boolean => column.startsWith('metrics.') || column === 'attributes.duration'

export function widthOf(column: ColumnId): number {
  if (column === 'attributes.start_time' || column === 'attributes.end_time') return 168
  if (column === 'attributes.run_id' || column === 'attributes.artifact_uri') return 270
  if (column.startsWith('attributes.') || column === 'tags.mlflow.user') return 110
  const least = column.startsWith('metrics.') ? 104 : column.startsWith('tags.') ? 150 : 112
  return Math.min(220, Math.max(least, titleOf(column).length * 7.4 + 34))
}

export function cellText(column: ColumnId, info: RunInfo, value: Value): string {
  switch (column) {
    case 'attributes.start_time':
      return formatMoment(info.start_time)
    case 'attributes.end_time':
      return info.end_time === undefined ? '' : formatMoment(info.end_time)
    case 'attributes.duration':
      return info.end_time === undefined ? '' : formatDuration(info.end_time - info.start_time)
    case 'attributes.status':
      return info.status.toLowerCase()
    case 'attributes.user_id':
      return info.user_id
    case 'attributes.run_id':
      return info.run_id
    case 'attributes.artifact_uri':
      return info.artifact_uri
    default:
      return value === undefined ? '' : typeof value === 'number' ? formatFigure(value) : value.length > 300 ? `${value.slice(0, 300)}…` : value
  }
}

export const formatMoment = (ms: number): string => `${formatDate(ms)} ${formatTime(ms)}`
