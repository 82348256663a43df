import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Overview } from '../../src/api/overview.ts'

export type Connection = 'connecting' | 'live' | 'lost'

/** A burst of events asks for the page once. */
const GATHER_MS = 500
/** Counters such as predictions are no events; they are looked at so often. */
const COUNTERS_MS = 4000

/** The overview, asked for again after each event of the log, and now and then for what is no event. */
export function useOverview(model: string | undefined) {
  const queries = useQueryClient()
  const [connection, setConnection] = useState<Connection>('connecting')
  useEffect(() => {
    let gathering: ReturnType<typeof setTimeout> | undefined
    const source = new EventSource('/events/stream')
    source.addEventListener('open', () => {
      setConnection('live')
      void queries.invalidateQueries({ queryKey: ['overview'] })
    })
    source.addEventListener('error', () => setConnection('lost'))
    source.addEventListener('message', () => {
      gathering ??= setTimeout(() => {
        gathering = undefined
        void queries.invalidateQueries({ queryKey: ['overview'] })
      }, GATHER_MS)
    })
    return () => {
      clearTimeout(gathering)
      source.close()
    }
  }, [queries])
  const query = useQuery({
    queryKey: ['overview', model ?? null],
    queryFn: ({ signal }) => fetchOverview(model, signal),
    refetchInterval: COUNTERS_MS,
    placeholderData: (previous) => previous,
  })
  return { ...query, connection }
}

async function fetchOverview(model: string | undefined, signal: AbortSignal): Promise<Overview> {
  const response = await fetch(`/api/overview${model === undefined ? '' : `?model=${encodeURIComponent(model)}`}`, { signal })
  if (!response.ok) {
    const problem: unknown = await response.json().catch(() => undefined)
    const detail = typeof problem === 'object' && problem !== null && 'detail' in problem ? String(problem.detail) : response.statusText
    throw new Error(detail)
  }
  return (await response.json()) as Overview
}
