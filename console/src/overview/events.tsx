import { useQuery } from '@tanstack/react-query'
import type { EventPage, LoggedEvent } from '../../../src/api/events.ts'
import type { Overview, StepName } from '../../../src/api/overview.ts'
import { formatDay, formatTime } from '../shared/format.ts'
import { Empty, Panel } from '../shared/panel.tsx'
import { eventStory } from './event-story.ts'

/** What the log calls the steps. */
const TYPES: Readonly<Record<StepName, readonly string[]>> = {
  version: ['dataset.versioned'],
  validate: ['contract.checked'],
  features: ['execution.started', 'execution.finished'],
  train: ['execution.started', 'execution.finished', 'execution.failed'],
  track: ['run.finished'],
  gate: ['model.version.created', 'gate.decided'],
  serve: ['deployment.rolled_out', 'deployment.failed', 'deployment.rolled_back'],
  live: ['deployment.rolled_out'],
  watch: ['report.created', 'drift.detected', 'performance.degraded'],
  retrain: ['retraining.requested', 'execution.started', 'gate.decided', 'model.alias.moved'],
}
const SHOWN = 40

interface EventsProps {
  readonly overview: Overview
  readonly step: StepName | undefined
  readonly onClear: () => void
}

export function EventsPanel({ overview, step, onClear }: EventsProps) {
  const title = overview.steps.find(({ name }) => name === step)?.title
  const filtered = useQuery({
    queryKey: ['overview', 'events', step],
    queryFn: ({ signal }) => fetchEvents(step, signal),
    enabled: step !== undefined,
  })
  const events = step === undefined ? overview.events : (filtered.data?.events ?? [])
  return (
    <Panel
      id="events"
      title={title === undefined ? 'Events' : `Events of ${title}`}
      lead={`${overview.position} in the log, chained and signed`}
      actions={
        step === undefined ? null : (
          <button type="button" className="plain" onClick={onClear}>
            Show all
          </button>
        )
      }
    >
      {events.length === 0 ? (
        <Empty title={step === undefined || filtered.isSuccess ? 'Nothing has happened yet' : 'Asking the log'}>
          Every change is an event, written with the change itself. <code>millrace events tail -f</code> shows them in a terminal.
        </Empty>
      ) : (
        <ol className="events" aria-label="Newest events first" tabIndex={0}>
          {events.slice(0, SHOWN).map((logged) => (
            <EventLine key={logged.position} logged={logged} />
          ))}
        </ol>
      )}
    </Panel>
  )
}

function EventLine({ logged }: { logged: LoggedEvent }) {
  const { event, position } = logged
  const { mark, text } = eventStory(event)
  return (
    <li title={`${event.type} · position ${position} · ${event.source}`}>
      <time dateTime={event.projecttime}>
        {formatDay(event.projecttime)} <span>{formatTime(event.projecttime)}</span>
      </time>
      <span className={`event-mark event-${mark}`} aria-hidden="true" />
      <span className="event-text">{text}</span>
    </li>
  )
}

async function fetchEvents(step: StepName | undefined, signal: AbortSignal): Promise<EventPage> {
  const types = step === undefined ? [] : TYPES[step].map((type) => `dev.millrace.${type}`)
  const response = await fetch(`/events?limit=${SHOWN}&types=${types.join(',')}`, { signal })
  if (!response.ok) throw new Error(response.statusText)
  return (await response.json()) as EventPage
}
