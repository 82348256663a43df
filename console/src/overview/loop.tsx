import type { Overview, OverviewStep, StepName } from '../../../src/api/overview.ts'
import { formatDate, formatDay } from '../shared/format.ts'
import { useWidth } from '../shared/use-width.ts'
import { layOutRace } from './race-geometry.ts'
import { RacePicture } from './race.tsx'
import { promotions } from './series.ts'
import { LoopWorth } from './worth.tsx'

const HEIGHT = 330
/** Below this width the ten steps stand one under the other. */
const NARROW = 720
const STATE_WORDS = { waiting: 'waiting', running: 'running', ok: 'done', failed: 'failed' } as const

interface LoopProps {
  readonly overview: Overview
  readonly selected: StepName | undefined
  readonly onSelect: (step: StepName | undefined) => void
}

/** The loop as a picture with its ten steps; choosing one lists its events. */
export function Loop({ overview, selected, onSelect }: LoopProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const { steps, versions, alias } = overview
  const champion = versions.find((version) => version.aliases.includes(alias))
  const turned = promotions(overview).some(({ previous }) => previous !== null)
  const card = (step: OverviewStep, i: number) => (
    <StepCard key={step.name} step={step} number={i + 1} selected={step.name === selected} onSelect={() => onSelect(step.name === selected ? undefined : step.name)} />
  )
  const narrow = width > 0 && width < NARROW
  return (
    <section className="loop" aria-labelledby="loop-title">
      <h2 id="loop-title" className="hidden">
        The loop
      </h2>
      <div ref={ref} />
      {narrow ? (
        <>
          <ol className="loop-list">{steps.map(card)}</ol>
          <div className="loop-heart loop-heart-narrow">
            <LoopWorth overview={overview} />
            <LoopTime overview={overview} />
          </div>
        </>
      ) : (
        <>
          <ol className="loop-row loop-row-top">{steps.slice(0, 5).map(card)}</ol>
          <div className="loop-race">
            {width === 0 ? null : (
              <RacePicture race={layOutRace(width, HEIGHT)} steps={steps} closed={turned} champion={champion === undefined ? null : `v${champion.version}`} alias={alias} />
            )}
            <div className="loop-heart">
              <LoopWorth overview={overview} />
              <LoopTime overview={overview} />
            </div>
          </div>
          <ol className="loop-row loop-row-bottom" start={6}>
            {steps.slice(5).map((step, i) => card(step, i + 5))}
          </ol>
        </>
      )}
    </section>
  )
}

interface StepCardProps {
  readonly step: OverviewStep
  readonly number: number
  readonly selected: boolean
  readonly onSelect: () => void
}

function StepCard({ step, number, selected, onSelect }: StepCardProps) {
  return (
    <li className={`step step-${step.state}`} data-step={step.name}>
      <button type="button" aria-pressed={selected} aria-describedby={`step-${step.name}`} onClick={onSelect}>
        <span className="step-title">
          <span className="step-dot" aria-hidden="true" />
          <span className="hidden">Step {number}: </span>
          {step.title}
          <span className="step-state">{STATE_WORDS[step.state]}</span>
        </span>
        <span className="step-figure">
          <b>{step.figure ?? '–'}</b> <span>{step.unit}</span>
        </span>
      </button>
      <span className="step-detail" id={`step-${step.name}`} title={step.detail}>
        {step.detail}
      </span>
    </li>
  )
}

function LoopTime({ overview }: { overview: Overview }) {
  const promoted = promotions(overview).filter(({ previous }) => previous !== null).length
  const refused = overview.versions.filter(({ state }) => state === 'refused').length
  const turn = overview.moves.find((move) => move.alias === overview.alias)
  return (
    <dl className="heart heart-time">
      <div>
        <dt>Project time</dt>
        <dd className="heart-figure">{formatDate(overview.time)}</dd>
        <dd className="heart-note">{overview.simulated ? 'simulated: the replay moves it' : 'the time of the wall clock, UTC'}</dd>
      </div>
      <div>
        <dt>Turns of the loop</dt>
        <dd className="heart-figure heart-small">
          {promoted} promoted, {refused} refused
        </dd>
        <dd className="heart-note">{turn === undefined ? `nobody is ${overview.alias} yet` : `v${turn.version ?? '–'} is ${overview.alias} since ${formatDay(turn.at)}`}</dd>
      </div>
    </dl>
  )
}
