import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { type Theme, useTheme } from '../theme.ts'
import { Segmented } from './segmented.tsx'

interface FrameProps {
  /** What the link says that leads past the head of the page. */
  readonly skip: string
  /** Beside the name of the product. */
  readonly brand?: ReactNode
  /** Before the choice of the theme. */
  readonly side?: ReactNode
  /** The page uses the whole width of the window. */
  readonly wide?: boolean
  readonly children: ReactNode
}

const THEMES = [
  { value: 'system', label: 'Auto' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
] as const satisfies readonly { value: Theme; label: string }[]

const PLACES = [
  { to: '/', label: 'Overview' },
  { to: '/experiments', label: 'Experiments' },
  { to: '/models', label: 'Models' },
] as const

/** What every page has around it. */
export function Frame({ skip, brand, side, wide = false, children }: FrameProps) {
  const [theme, setTheme] = useTheme()
  return (
    <div className={wide ? 'frame frame-wide' : 'frame'}>
      <a className="skip" href="#main">
        {skip}
      </a>
      <header className="top">
        <div className="brand">
          <Mark />
          <p className="brand-name">
            Millrace {brand}
          </p>
        </div>
        <nav className="places" aria-label="Pages">
          {PLACES.map(({ to, label }) => (
            <Link key={to} to={to} activeOptions={{ exact: to === '/', includeSearch: false }}>
              {label}
            </Link>
          ))}
        </nav>
        <div className="top-side">
          {side}
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
    </div>
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
