import type { OverviewStep } from '../../../src/api/overview.ts'
import { type Race, type Station, waterLength } from './race-geometry.ts'
import { Wheel } from './wheel.tsx'

interface RaceProps {
  readonly race: Race
  readonly steps: readonly OverviewStep[]
  /** A candidate was promoted: the water has come round. */
  readonly closed: boolean
  readonly champion: string | null
  readonly alias: string
}

/** The picture: the race, its water as far as the loop has come, a station for each step, and the wheel. The words stand beside it as text. */
export function RacePicture({ race, steps, closed, champion, alias }: RaceProps) {
  const { width, height, path, length, ripples, stations, wheel } = race
  const water = waterLength(race, steps.map(({ state }) => state), closed)
  const running = steps.some(({ state }) => state === 'running')
  const filled = `${water} ${length + 1}`
  return (
    <svg className={`race ${running ? 'race-running' : ''}`} viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      <defs>
        <mask id="race-water-mask" maskUnits="userSpaceOnUse" x={0} y={0} width={width} height={height}>
          <path d={path} fill="none" stroke="#fff" strokeWidth={30} strokeDasharray={filled} className="race-fill" />
        </mask>
      </defs>
      <path className="race-bank" d={path} />
      <path className="race-bed" d={path} />
      <path className="race-water race-fill" d={path} strokeDasharray={filled} />
      <g mask="url(#race-water-mask)">
        <path className="race-light" d={path} />
        {ripples.map((ripple) => (
          <path key={ripple} className="race-ripple" d={ripple} />
        ))}
        <Arrows race={race} />
      </g>
      <Wheel {...wheel} turning={running} title={champion === null ? '–' : champion} label={champion === null ? 'no model yet' : alias} />
      {steps.map((step, i) => {
        const station = stations[i]
        return station === undefined ? null : <StationMark key={step.name} step={step} station={station} number={i + 1} above={i < 5} />
      })}
    </svg>
  )
}

/** Which way the water runs, for those who see it stand still: down on the right, up on the left. */
function Arrows({ race: { width, height, edge } }: { race: Race }) {
  const offsets = [-14, 0, 14]
  return (
    <>
      {offsets.map((offset) => (
        <path key={offset} className="race-arrow" d={`M${width - edge - 7} ${height / 2 + offset - 3} l7 6 l7 -6`} />
      ))}
      {offsets.map((offset) => (
        <path key={offset} className="race-arrow" d={`M${edge - 7} ${height / 2 + offset + 3} l7 -6 l7 6`} />
      ))}
    </>
  )
}

function StationMark({ step, station, number, above }: { step: OverviewStep; station: Station; number: number; above: boolean }) {
  return (
    <g className={`station station-${step.state}`} transform={`translate(${station.x} ${station.y})`}>
      <line className="station-stem" y1={above ? -17 : 17} y2={above ? -26 : 26} />
      <circle className="station-disc" r={17} />
      {step.state === 'running' ? <circle className="station-spin" r={17} /> : null}
      {step.state === 'ok' ? (
        <path className="station-glyph" d="M-6.500 .5 L-2 5 L7 -5" />
      ) : step.state === 'failed' ? (
        <path className="station-glyph" d="M0 -7.500 V2 M0 7 V7.300" />
      ) : (
        <text className="station-number" y={4.5}>
          {number}
        </text>
      )}
    </g>
  )
}
