import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { type ColumnId, inSearch, quoted } from '../tracking/keys.ts'
import { formatCount } from '../shared/format.ts'
import { groupsOf } from '../tracking/summary.ts'
import { titleOf } from './cells.ts'
import { type FeedQuery, RunFeed } from './feed.ts'
import { Rows } from './rows.ts'

/** A feed for each query, by its name; those no longer wanted are stopped. */
function useFeeds(wanted: ReadonlyMap<string, FeedQuery>): ReadonlyMap<string, RunFeed> {
  const [feeds, setFeeds] = useState<ReadonlyMap<string, RunFeed>>(new Map())
  const wish = JSON.stringify([...wanted])
  useEffect(() => {
    const queries = new Map(JSON.parse(wish) as [string, FeedQuery][])
    setFeeds((before) => {
      const next = new Map<string, RunFeed>()
      for (const [name, query] of queries) {
        const kept = before.get(name)
        next.set(name, kept !== undefined && JSON.stringify(kept.query) === JSON.stringify(query) ? kept : new RunFeed(query))
      }
      for (const [name, feed] of before) if (next.get(name) !== feed) feed.stop()
      return next
    })
  }, [wish])
  return feeds
}

/** Grows whenever one of the feeds changes. */
function useChanges(feeds: ReadonlyMap<string, RunFeed>): number {
  const subscribe = useMemo(
    () => (listener: () => void) => {
      const offs = [...feeds.values()].map((feed) => feed.subscribe(listener))
      return () => {
        for (const off of offs) off()
      }
    },
    [feeds],
  )
  return useSyncExternalStore(subscribe, () => {
    let sum = 0
    for (const feed of feeds.values()) sum += feed.version
    return sum
  })
}

export interface Sections {
  readonly rows: Rows
  readonly feeds: readonly RunFeed[]
  readonly open: ReadonlySet<string>
  readonly toggle: (id: string) => void
  readonly version: number
  /** What went wrong while the groups were asked for. */
  readonly error: Error | null
}

const ALL = 'all'
const CLOSED: ReadonlySet<string> = new Set()
const NONE = 'none'

/** The rows of one search, in groups by the values of `group` where it is given. A group's runs are asked for when it is opened. */
export function useSections(query: FeedQuery, group: ColumnId | undefined, total: number | undefined): Sections {
  const [opened, setOpened] = useState<{ readonly of: string; readonly ids: ReadonlySet<string> }>({ of: '', ids: new Set() })
  const groups = useQuery({
    queryKey: ['groups', query.experimentIds, query.filter, query.view, group],
    queryFn: ({ signal }) => groupsOf(query, group ?? '', signal),
    enabled: group !== undefined,
  })
  const of = `${group ?? ''} ${query.filter}`
  // All are closed at first: the groups and their sizes are the first answer, and an open one of thousands would push the others out of sight.
  const open = opened.of === of ? opened.ids : CLOSED
  const wanted = new Map<string, FeedQuery>()
  if (group === undefined) wanted.set(ALL, query)
  else for (const { value } of groups.data ?? []) if (open.has(idOf(value))) wanted.set(idOf(value), { ...query, filter: within(query.filter, group, value) })
  const feeds = useFeeds(wanted)
  const version = useChanges(feeds)
  const rows = useMemo(
    () =>
      new Rows(
        group === undefined
          ? [{ id: ALL, title: undefined, total, feed: feeds.get(ALL) }]
          : (groups.data ?? []).map(({ value, count }) => ({
              id: idOf(value),
              title: `${titleOf(group)}: ${value ?? 'none'}${count === undefined ? '' : ` · ${formatCount(count)} ${count === 1 ? 'run' : 'runs'}`}`,
              total: count,
              feed: feeds.get(idOf(value)),
            })),
      ),
    // The feeds change within: their version says when.
    [group, groups.data, feeds, total, version],
  )
  const toggle = (id: string): void => {
    const ids = new Set(open)
    if (!ids.delete(id)) ids.add(id)
    setOpened({ of, ids })
  }
  return { rows, feeds: [...feeds.values()], open, toggle, version, error: groups.error }
}

const idOf = (value: string | null): string => (value === null ? NONE : `=${value}`)

/** The filter, for the runs of one group. */
function within(filter: string, group: ColumnId, value: string | null): string {
  const clause = value === null ? `${inSearch(group)} IS NULL` : `${inSearch(group)} = ${quoted(value)}`
  return filter.trim() === '' ? clause : `${filter} AND ${clause}`
}
