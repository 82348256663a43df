import type { FeatureDefinitions } from '../definition.ts'
import { parseDefinitions } from '../parse.ts'

/** Definitions for tests: one view of each kind. */
export const EXAMPLE_FILES: Readonly<Record<string, string>> = {
  'airport.yaml': 'kind: entity\nname: airport\njoin_key: origin\n',
  'weather.yaml': `kind: latest
name: weather
entity: airport
ttl: 3h
source: {path: data/weather.parquet, time: {column: time_hour}, created: written}
features:
- {name: temp}
- {name: sky, type: string}
`,
  'recent_delays.yaml': `kind: window
name: recent_delays
entity: airport
window: 2h
source: {path: data/flights, time: {column: time_hour, plus_minutes: [minute, dep_delay]}}
features:
- {name: mean_delay, aggregate: mean, column: dep_delay}
- {name: late_share, aggregate: share, column: dep_delay, above: 15}
- {name: departures, aggregate: count}
- {name: delay_sum, aggregate: sum, column: dep_delay}
`,
}

/** The definitions, with some of the files changed. */
export function exampleDefinitions(changed: Readonly<Record<string, (text: string) => string>> = {}): FeatureDefinitions {
  return parseDefinitions(Object.entries(EXAMPLE_FILES).map(([file, text]) => ({ file, text: changed[file]?.(text) ?? text })))
}
