import type { ReactNode } from 'react'
import type { Overview } from '../../../src/api/overview.ts'
import type { Connection } from '../live.ts'
import { Frame } from '../shared/frame.tsx'

interface ShellProps {
  readonly overview: Overview | undefined
  readonly connection: Connection
  readonly onModel: (model: string) => void
  readonly children: ReactNode
}

const CONNECTIONS = { connecting: 'connecting', live: 'live', lost: 'reconnecting' } as const

export function Shell({ overview, connection, onModel, children }: ShellProps) {
  const brand = (
    <>
      <span className="brand-project">{overview?.project ?? ''}</span>
      {overview === undefined || overview.model === null ? null : <ModelChoice overview={overview} onModel={onModel} />}
    </>
  )
  const side = (
    <>
      <span className={`connection connection-${connection}`} role="status">
        <i aria-hidden="true" />
        {CONNECTIONS[connection]}
      </span>
      {overview === undefined ? null : <Services overview={overview} />}
    </>
  )
  return (
    <Frame skip="Skip to the loop" brand={brand} side={side}>
      <h1 className="hidden">Overview{overview === undefined ? '' : ` of ${overview.project}`}</h1>
      {children}
    </Frame>
  )
}

function ModelChoice({ overview, onModel }: { overview: Overview; onModel: (model: string) => void }) {
  if (overview.models.length < 2) return <span className="brand-model">{overview.model}</span>
  return (
    <select className="brand-model" aria-label="Model" value={overview.model ?? ''} onChange={(event) => onModel(event.target.value)}>
      {overview.models.map((model) => (
        <option key={model}>{model}</option>
      ))}
    </select>
  )
}

function Services({ overview }: { overview: Overview }) {
  const down = overview.services.filter(({ up }) => !up)
  return (
    <details className="services">
      <summary>
        <span className={down.length > 0 ? 'services-down' : ''}>
          {overview.services.length - down.length} of {overview.services.length} services up
        </span>
      </summary>
      <ul>
        {overview.services.map((service) => (
          <li key={service.name}>
            <i className={service.up ? 'dot-up' : 'dot-down'} aria-hidden="true" />
            {service.name} <span className="quiet">{service.up ? 'up' : service.error}</span>
          </li>
        ))}
      </ul>
    </details>
  )
}
