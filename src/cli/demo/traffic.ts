import type { FlightLabel, FlightRequest, FlightsWorld } from './flights.ts'
import type { Peers } from './peers.ts'

export interface TrafficCount {
  readonly predictions: number
  readonly labels: number
  readonly probes: number
}

export interface TrafficOptions {
  readonly peers: Peers
  readonly model: string
  readonly world: FlightsWorld
}

const CONNECTIONS = 32
const HOUR_MS = 3_600_000
/** Observations and departures of so many hours go in one request. Requests carry their own moment, so nothing is seen before its time. */
const PUSH_HOURS = 6

/** What happened in [from, to) before anyone asked: fills the online store. */
export async function pushWorld({ peers, world }: TrafficOptions, from: Date, to: Date): Promise<void> {
  const { weather, departures } = await world.between(from, to)
  await push(peers, 'weather', weather, 'time_hour')
  await push(peers, 'recent_delays', departures, 'departed_at', 'flight_id')
}

/** Replays [from, to): observations and departures as they happen, then the requests that were made among them, then the arrivals. */
export async function replay(options: TrafficOptions, from: Date, to: Date): Promise<TrafficCount> {
  let predictions = 0
  let labels = 0
  for (let start = from.getTime(); start < to.getTime(); start += PUSH_HOURS * HOUR_MS) {
    const end = Math.min(start + PUSH_HOURS * HOUR_MS, to.getTime())
    const { peers, world } = options
    const happened = await world.between(new Date(start), new Date(end))
    await Promise.all([push(peers, 'weather', happened.weather, 'time_hour'), push(peers, 'recent_delays', happened.departures, 'departed_at', 'flight_id')])
    await inParallel(happened.requests, CONNECTIONS, (request) => predict(options, request))
    if (happened.labels.length > 0) await peers.monitor.sendLabels(happened.labels.map(asLabel))
    predictions += happened.requests.length
    labels += happened.labels.length
  }
  return { predictions, labels, probes: 0 }
}

/**
 * Keeps asking, at a few connections, until stopped: an alias that moves meanwhile moves under load. These requests are marked as probes, which the journal
 * keeps and the monitor leaves out. Throws what a probe met; the demo promises that none fails.
 */
export function probe(options: TrafficOptions, requests: readonly FlightRequest[]): { stop: () => Promise<number> } {
  let running = true
  let sent = 0
  const run = async (connection: number): Promise<void> => {
    for (let i = connection; running && requests.length > 0; i++) {
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
      running = false
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

async function push(peers: Peers, view: string, df: Readonly<Record<string, readonly (string | number | boolean | null)[]>>, timeColumn: string, keyColumn?: string): Promise<void> {
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
