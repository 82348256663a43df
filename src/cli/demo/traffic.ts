import { setTimeout as sleep } from 'node:timers/promises'
import type { Columns, FlightLabel, FlightRequest, Happenings } from './flights.ts'
import type { Peers } from './peers.ts'

export interface TrafficCount {
  readonly predictions: number
  readonly labels: number
  readonly probes: number
}

export interface TrafficOptions {
  readonly peers: Peers
  readonly model: string
}

const CONNECTIONS = 32
/** Enough to see a swap that drops a request, not so much that it takes the cores from the training that runs meanwhile. */
const PROBE_PAUSE_MS = 50

/** Fills the online store with what happened. */
export async function pushWorld(peers: Peers, { weather, departures }: Happenings): Promise<void> {
  await Promise.all([push(peers, 'weather', weather, 'time_hour'), push(peers, 'recent_delays', departures, 'departed_at', 'flight_id')])
}

/**
 * Replays [from, to) of what `happened`: observations and departures, then the requests, then the arrivals, each all together. Every one of them carries its own
 * moment, so nothing is seen before its time.
 */
export async function replay(options: TrafficOptions, happened: Happenings, from: number, to: number): Promise<TrafficCount> {
  const { peers } = options
  const block = during(happened, from, to)
  await pushWorld(peers, block)
  await inParallel(block.requests, CONNECTIONS, (request) => predict(options, request))
  if (block.labels.length > 0) await peers.monitor.sendLabels(block.labels.map(asLabel))
  return { predictions: block.requests.length, labels: block.labels.length, probes: 0 }
}

/** The part of what happened that lies in [from, to), milliseconds. */
export function during({ weather, departures, requests, labels }: Happenings, from: number, to: number): Happenings {
  const first = new Date(from).toISOString().replace('.000Z', 'Z')
  const last = new Date(to).toISOString().replace('.000Z', 'Z')
  const within = (time: unknown): boolean => typeof time === 'string' && time >= first && time < last
  const part = (columns: Columns, timeColumn: string): Columns => {
    const kept = (columns[timeColumn] ?? []).flatMap((time, i) => (within(time) ? [i] : []))
    return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, kept.map((i) => values[i] ?? null)]))
  }
  return {
    weather: part(weather, 'time_hour'),
    departures: part(departures, 'departed_at'),
    requests: requests.filter(({ moment }) => within(moment)),
    labels: labels.filter(({ time }) => within(time)),
  }
}

/**
 * Keeps asking, at a few connections, until stopped: an alias that moves meanwhile moves under load. These requests are marked as probes, which the journal
 * keeps and the monitor leaves out. Throws what a probe met; the demo promises that none fails.
 */
export function probe(options: TrafficOptions, requests: readonly FlightRequest[]): { stop: () => Promise<number> } {
  const stopping = new AbortController()
  let sent = 0
  const run = async (connection: number): Promise<void> => {
    for (let i = connection; requests.length > 0; i++) {
      await sleep(PROBE_PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      const request = requests[i % requests.length]
      if (request) await predict(options, { ...request, id: `probe-${connection}-${i}-${request.id}` }, true)
      sent++
    }
  }
  const done = Promise.all([run(0), run(1)])
  // The failure is thrown by `stop`; until then nobody else listens.
  done.catch(() => undefined)
  return {
    stop: async () => {
      stopping.abort()
      await done
      return sent
    },
  }
}

async function predict({ peers, model }: TrafficOptions, { id, moment, row }: FlightRequest, isProbe = false): Promise<void> {
  await peers.serving.predict(model, [row], { requestId: id, time: moment, probe: isProbe })
}

function asLabel({ id, label, time }: FlightLabel) {
  return { request_id: id, label, time }
}

async function push(peers: Peers, view: string, df: Columns, timeColumn: string, keyColumn?: string): Promise<void> {
  if ((df[timeColumn]?.length ?? 0) === 0) return
  await peers.features.push({
    push_source_name: view,
    df,
    event_timestamp_column: timeColumn,
    ...(keyColumn === undefined ? {} : { row_key_column: keyColumn }),
  })
}

async function inParallel<T>(items: readonly T[], connections: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const run = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(connections, items.length) }, run))
}
