import { POSITIVE_ABOVE } from '../../domain/classes.ts'
import type { ReplayStore } from './source.ts'

/** How two versions' answers differ on the same rows: `b` less `a`. */
export interface Difference {
  readonly slice: string
  readonly rows: number
  readonly mean_difference: number
  readonly mean_absolute_difference: number
  readonly max_absolute_difference: number
  /** Share of rows of another class; null for a regression. */
  readonly class_changes: number | null
  readonly labelled: number
  readonly log_loss: Pair
  readonly auc: Pair
}

type Pair = { readonly a: number | null; readonly b: number | null }

export interface ReplayReport {
  readonly model: string
  readonly from: string
  readonly to: string
  /** A version, or `recorded`. */
  readonly a: string
  readonly b: string
  readonly recorded: number
  readonly replayed: number
  readonly refused: { readonly rows: number; readonly example: string | null }
  readonly masked: { readonly rows: number; readonly column: string | null }
  /** Answers by tensors in the same span, which are no part of this. */
  readonly by_tensors: number
  readonly overall: Difference | null
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly rows: number }[]
  readonly by: string | null
  readonly slices: readonly Difference[]
}

const BINS = 21
const SLICES = 12

export async function differences(store: ReplayStore, classifier: boolean, by: string | null): Promise<Pick<ReplayReport, 'overall' | 'histogram' | 'slices'>> {
  const [overall] = await judge(store, `'all'`, classifier)
  if (!overall) return { overall: null, histogram: [], slices: [] }
  return { overall, histogram: await histogram(store, overall.max_absolute_difference), slices: by === null ? [] : await judge(store, await sliceOf(store, 'compared'), classifier) }
}

/** An expression of SQL. Numbers fall into quartiles; of texts the most frequent are slices of their own. */
export async function sliceOf(store: ReplayStore, table: 'compared' | 'compared_tensor_rows'): Promise<string> {
  const cut = (share: number, name: string): string => `quantile_cont("number", ${share}) filter (isfinite("number")) as ${name}`
  const [found] = await store.rows(`select count("number")::INTEGER as numbers, count("text")::INTEGER as texts, ${cut(0.25, 'low')}, ${cut(0.5, 'middle')}, ${cut(0.75, 'high')} from ${table}`)
  if (Number(found?.['numbers'] ?? 0) > Number(found?.['texts'] ?? 0)) {
    // Of infinities alone there are no quartiles: they are below or above 0.
    const [low, middle, high] = [Number(found?.['low'] ?? 0), Number(found?.['middle'] ?? 0), Number(found?.['high'] ?? 0)]
    const shown = (value: number): string => String(Number(value.toPrecision(4)))
    return `case when "number" is null then 'missing' when "number" <= ${low} then '1: up to ${shown(low)}' when "number" <= ${middle} then '2: up to ${shown(middle)}'
      when "number" <= ${high} then '3: up to ${shown(high)}' else '4: above ${shown(high)}' end`
  }
  return `case when "text" is null then 'missing' when "text" in (select "text" from ${table} where "text" is not null group by 1 order by count(*) desc, 1 limit ${SLICES}) then "text" else 'others' end`
}

async function judge(store: ReplayStore, slice: string, classifier: boolean): Promise<Difference[]> {
  // AUC by Mann–Whitney, ties counting half; log loss clipped as in domain/metrics.ts.
  const rank = (score: string): string => `case when label is not null then rank() over (partition by slice, label is null order by ${score}) + (count(*) over (partition by slice, label is null, ${score}) - 1) / 2.0 end`
  const clipped = (score: string): string => `least(greatest(${score}, ${Number.EPSILON}), 1 - ${Number.EPSILON})`
  const loss = (score: string): string => `avg(case label when 1 then -ln(${clipped(score)}) when 0 then -ln(1 - ${clipped(score)}) end)`
  const auc = (ranked: string): string =>
    `case when count(*) filter (label = 1) > 0 and count(*) filter (label = 0) > 0 then (sum(${ranked}) filter (label = 1) - count(*) filter (label = 1) * (count(*) filter (label = 1) + 1) / 2.0) / (count(*) filter (label = 1) * 1.0 * count(*) filter (label = 0)) end`
  const rows = await store.rows(`with sliced as (select *, ${slice} as slice from compared), ranked as (select *, ${rank('a')} as rank_a, ${rank('b')} as rank_b from sliced)
    select slice, count(*)::INTEGER as "rows", avg(b - a) as mean, avg(abs(b - a)) as absolute, max(abs(b - a)) as largest, avg(((a > ${POSITIVE_ABOVE}) != (b > ${POSITIVE_ABOVE}))::INTEGER) as changes,
      count(label)::INTEGER as labelled, ${loss('a')} as loss_a, ${loss('b')} as loss_b, ${auc('rank_a')} as auc_a, ${auc('rank_b')} as auc_b
    from ranked group by slice order by slice`)
  return rows.map((row) => ({
    slice: String(row['slice']),
    rows: Number(row['rows']),
    mean_difference: Number(row['mean']),
    mean_absolute_difference: Number(row['absolute']),
    max_absolute_difference: Number(row['largest']),
    class_changes: classifier ? Number(row['changes']) : null,
    labelled: Number(row['labelled']),
    log_loss: pair(classifier ? row['loss_a'] : null, classifier ? row['loss_b'] : null),
    auc: pair(classifier ? row['auc_a'] : null, classifier ? row['auc_b'] : null),
  }))
}

/** Of the differences that `of` selects as `difference`; `largest` is the farthest from 0. */
export async function histogram(store: ReplayStore, largest: number, of = 'select b - a as difference from compared'): Promise<ReplayReport['histogram']> {
  const reach = largest === 0 ? 1 : largest
  const width = (2 * reach) / BINS
  const found = await store.rows(`select least(greatest(floor((difference + ${reach}) / ${width}), 0), ${BINS - 1})::INTEGER as bin, count(*)::INTEGER as "rows" from (${of}) group by 1`)
  const counts = new Map(found.map((row) => [Number(row['bin']), Number(row['rows'])]))
  return Array.from({ length: BINS }, (_, bin) => ({ from: bin * width - reach, to: (bin + 1) * width - reach, rows: counts.get(bin) ?? 0 }))
}

function pair(a: unknown, b: unknown): Pair {
  const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null)
  return { a: number(a), b: number(b) }
}
