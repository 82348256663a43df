import type { ReactNode } from 'react'
import type { Overview } from '../../../src/api/overview.ts'
import type { Connection } from '../live.ts'
import { Segmented } from '../shared/segmented.tsx'
import { type Theme, useTheme } from '../theme.ts'

interface ShellProps {
  readonly overview: Overview | undefined
  readonly connection: Connection
  readonly onModel: (model: string) => void
  readonly children: ReactNode
}

const THEMES = [
  { value: 'system', label: 'Auto' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
] as const satisfies readonly { value: Theme; label: string }[]
const CONNECTIONS = { connecting: 'connecting', live: 'live', lost: 'reconnecting' } as const

export function Shell({ overview, connection, onModel, children }: ShellProps) {
  const [theme, setTheme] = useTheme()
  return (
    <>
      <a className="skip" href="#main">
        Skip to the loop
      </a>
      <header className="top">
        <div className="brand">
          <Mark />
          <h1>
            Millrace <span className="brand-project">{overview?.project ?? ''}</span>
          </h1>
          {overview === undefined || overview.model === null ? null : <ModelChoice overview={overview} onModel={onModel} />}
        </div>
        <div className="top-side">
          <span className={`connection connection-${connection}`} role="status">
            <i aria-hidden="true" />
            {CONNECTIONS[connection]}
          </span>
          {overview === undefined ? null : <Services overview={overview} />}
          <Segmented label="Theme" options={THEMES} value={theme} onChange={setTheme} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <footer className="foot">
        <a href="/docs">API</a>
        <a href="/events?limit=50">Event log</a>
        <a href="/metrics">Metrics</a>
        <span>This console has no login: it listens on this machine only.</span>
      </footer>
    </>
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

function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" width="30" height="30" aria-hidden="true">
      <g fill="none" strokeWidth="2.2" strokeLinecap="round">
        <circle cx="16" cy="13" r="7.500" />
        <path d="M16 3v20M6 13h20M8.900 5.900l14.200 14.200M23.100 5.900 8.900 20.100" />
        <path className="mark-water" d="M2 27.500c2.300 0 2.300-2 4.700-2s2.300 2 4.700 2 2.300-2 4.700-2 2.300 2 4.700 2 2.300-2 4.700-2 2.300 2 4.500 2" />
      </g>
    </svg>
  )
}
