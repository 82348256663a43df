import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseFeatureSpec } from '../../domain/feature-spec.ts'
import { parseDefinitions, readDefinitions, type DefinitionFile } from './parse.ts'
import { featureSpecOf } from './spec.ts'

const airport: DefinitionFile = { file: 'features/airport.yaml', text: 'kind: entity\nname: airport\njoin_key: origin\n' }
const weather: DefinitionFile = {
  file: 'features/weather.yaml',
  text: `kind: latest
name: weather
entity: airport
source:
  path: data/weather.parquet
  time: {column: time_hour}
ttl: 2h
features:
  - {name: temp}
  - {name: wind}
`,
}
const service: DefinitionFile = {
  file: 'features/delay.yaml',
  text: `kind: service
name: delay
path: data/flights
key: [id]
entity: airport
moment: {column: time_hour, offset: -1h}
label: {column: arr_delay, above: 15}
inputs:
  - {name: time_hour, type: datetime}
  - {name: origin, type: string}
numeric:
  - {name: temp, of: ['weather:temp']}
`,
}
const edited = (file: DefinitionFile, from: string, to: string): DefinitionFile => ({ ...file, text: file.text.replace(from, to) })

test('the definitions of the flights are read, and make a specification that is whole', () => {
  const definitions = readDefinitions(fileURLToPath(new URL('../../../examples/flights/features', import.meta.url)))
  assert.deepEqual([...definitions.views.keys()].sort(), ['recent_delays', 'weather'])
  const spec = featureSpecOf(definitions, definitions.services.get('flight-delay')!)
  assert.deepEqual(parseFeatureSpec(JSON.stringify(spec)), spec)
  assert.ok(spec.online.includes('recent_delays:share_late'))
})

test('durations, columns and defaults are what they say', () => {
  const { views, services } = parseDefinitions([airport, weather, service])
  const view = views.get('weather')!
  assert.ok(view.kind === 'latest')
  assert.equal(view.ttlMs, 7_200_000)
  assert.deepEqual(view.features[0], { name: 'temp', column: 'temp', type: 'double', description: '' })
  assert.deepEqual(services.get('delay')!.moment, { column: 'time_hour', plusMinutes: [], offsetMinutes: -60 })
  assert.equal(services.get('delay')!.numeric[0]!.transform, 'passthrough')
})

const mistakes: readonly [name: string, files: readonly DefinitionFile[], message: RegExp][] = [
  ['a kind that is none', [edited(airport, 'entity', 'entities')], /^features\/airport\.yaml:1: kind: found "entities", expected one of entity, latest, window, service$/],
  ['a file that is no YAML', [edited(airport, 'name: airport', 'name: [')], /^features\/airport\.yaml:\d+: /],
  ['a missing key', [edited(airport, 'join_key: origin\n', '')], /^features\/airport\.yaml:1: join_key: is missing, expected a string/],
  ['an unknown key', [edited(airport, 'join_key', 'joinkey')], /features\/airport\.yaml:3: joinkey: unknown key, expected one of/],
  ['a duration that is none', [airport, edited(weather, '2h', 'two hours')], /^features\/weather\.yaml:7: ttl: found "two hours", expected a string matching/],
  ['a life of no length', [airport, edited(weather, '2h', '0h')], /^features\/weather\.yaml:7: ttl: expected a duration above 0/],
  ['an entity that is not there', [airport, edited(weather, 'entity: airport', 'entity: port')], /^features\/weather\.yaml:3: entity: there is no entity port; there are airport$/],
  ['two features of one name', [airport, edited(weather, 'name: wind', 'name: temp')], /^features\/weather\.yaml:10: features\.1\.name: temp is defined twice$/],
  ['two files of one name', [airport, { ...airport, file: 'features/copy.yaml' }], /^features\/copy\.yaml:2: name: there is a entity airport already, in features\/airport\.yaml$/],
  ['a view that is not there', [airport, service], /^features\/delay\.yaml:12: numeric\.0\.of\.0: there is no feature view weather; there are none$/],
  ['a feature that is not there', [airport, weather, edited(service, 'weather:temp', 'weather:rain')], /numeric\.0\.of\.0: view weather has no feature rain; it has temp, wind$/],
  ['a raw column that is no input', [airport, weather, edited(service, "'weather:temp'", 'month')], /numeric\.0\.of\.0: month is no input$/],
  ['a transformation that is none', [airport, weather, edited(service, "of: ['weather:temp']", "transform: cube, of: ['weather:temp']")], /:12: numeric\.0\.transform: there is no transformation cube$/],
  ['too few columns for a transformation', [airport, weather, edited(service, "of: ['weather:temp']", "transform: ratio, of: ['weather:temp']")], /ratio takes \(a, b\), found 1 columns$/],
  ['a moment that serving could not know', [airport, weather, edited(service, 'column: time_hour,', 'column: departed,')], /^features\/delay\.yaml:6: moment: departed must be an input/],
  ['a join key that is no input', [airport, weather, edited(service, '  - {name: origin, type: string}\n', '')], /:9: inputs: the join key origin of entity airport must be an input$/],
  ['a join key of another type', [airport, weather, edited(service, 'name: origin, type: string', 'name: origin, type: long')], /:10: inputs\.1\.type: found long, expected string, as the type of entity airport$/],
  ['a label without a rule', [airport, weather, edited(service, ', above: 15', '')], /:7: label: found neither above nor equals, expected one of them$/],
  ['a label with two rules', [airport, weather, edited(service, 'above: 15', 'above: 15, equals: late')], /:7: label: found both above and equals, expected one of them$/],
]

for (const [name, files, message] of mistakes) {
  test(`${name} is refused with file, line and key`, () => {
    assert.throws(() => parseDefinitions(files), (error) => error instanceof Error && message.test(error.message) || assert.fail(String(error)))
  })
}

test('an aggregate says what it needs', () => {
  const view = (feature: string): DefinitionFile => ({
    file: 'w.yaml',
    text: `kind: window\nname: w\nentity: airport\nsource: {path: x.parquet, time: {column: at}}\nwindow: 2h\nfeatures:\n  - ${feature}\n`,
  })
  assert.throws(() => parseDefinitions([airport, view('{name: m, aggregate: mean}')]), /^.*w\.yaml:7: features\.0: m: mean needs a column$/)
  assert.throws(() => parseDefinitions([airport, view('{name: s, aggregate: share, column: x}')]), /s: share needs above/)
  assert.throws(() => parseDefinitions([airport, view('{name: m, aggregate: mean, column: x, above: 3}')]), /only share takes above, found mean/)
})
