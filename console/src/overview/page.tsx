import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { StepName } from '../../../src/api/overview.ts'
import { useOverview } from '../live.ts'
import { Empty } from '../shared/panel.tsx'
import { DriftPanel } from './drift.tsx'
import { EventsPanel } from './events.tsx'
import { Loop } from './loop.tsx'
import { PerformancePanel } from './performance.tsx'
import type { OverviewSearch } from './search.ts'
import { Shell } from './shell.tsx'
import { VersionsPanel } from './versions.tsx'

/** The first page: the loop with its present state, and what it has been worth. */
export function OverviewPage() {
  const search = useSearch({ from: '/' })
  const navigate = useNavigate({ from: '/' })
  const { data, error, connection } = useOverview(search.model)
  const change = (next: OverviewSearch): void => void navigate({ search: next, replace: true, resetScroll: false })
  const { step: _step, ...withoutStep } = search
  const { by: _by, ...withoutBy } = search

  const selectStep = (step: StepName | undefined): void => {
    change(step === undefined ? withoutStep : { ...withoutStep, step })
    if (step !== undefined) document.getElementById('events')?.scrollIntoView({ block: 'nearest' })
  }

  useEffect(() => {
    document.title = data === undefined ? 'Millrace' : `${data.project} · Millrace`
  }, [data])

  return (
    <Shell overview={data} connection={connection} onModel={(model) => change({ ...search, model })}>
      {data === undefined ? (
        <div className="first">{error === null ? <p className="quiet">Asking the gateway…</p> : <Empty title="The gateway does not answer" error>{`${error.message}. This page asks again by itself.`}</Empty>}</div>
      ) : (
        <>
          {error === null ? null : (
            <p className="stale" role="alert">
              The gateway does not answer ({error.message}); what is shown may be old.
            </p>
          )}
          <Loop overview={data} selected={search.step} onSelect={selectStep} />
          <PerformancePanel overview={data} by={search.by ?? 'week'} onBy={(by) => change(by === 'month' ? { ...search, by } : withoutBy)} />
          <DriftPanel overview={data} />
          <div className="side-by-side">
            <VersionsPanel overview={data} />
            <EventsPanel overview={data} step={search.step} onClear={() => selectStep(undefined)} />
          </div>
        </>
      )}
    </Shell>
  )
}
