import type { ReactNode } from 'react'

interface PanelProps {
  readonly id: string
  readonly title: string
  readonly lead?: ReactNode
  readonly actions?: ReactNode
  readonly className?: string
  readonly children: ReactNode
}

/** A section of the page with its heading. */
export function Panel({ id, title, lead, actions, className, children }: PanelProps) {
  return (
    <section className={`panel ${className ?? ''}`} id={id} aria-labelledby={`${id}-title`}>
      <header className="panel-head">
        <div>
          <h2 id={`${id}-title`}>{title}</h2>
          {lead === undefined ? null : <p className="lead">{lead}</p>}
        </div>
        {actions === undefined ? null : <div className="panel-actions">{actions}</div>}
      </header>
      {children}
    </section>
  )
}

interface EmptyProps {
  readonly title: string
  readonly children: ReactNode
  readonly error?: boolean
}

/** What stands where nothing is yet: what will be here, and what brings it about. */
export function Empty({ title, children, error = false }: EmptyProps) {
  return (
    <div className={`empty ${error ? 'empty-error' : ''}`} role={error ? 'alert' : undefined}>
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  )
}

/** A part of the overview that could not be had, and why. */
export function PartError({ model, error }: { readonly model: string | null; readonly error: string | undefined }) {
  if (model === null) {
    return (
      <Empty title="No model yet">
        Name one under <code>deployments</code> or <code>monitors</code> in <code>millrace.yaml</code>, and start again.
      </Empty>
    )
  }
  return (
    <Empty title="The monitor cannot be asked" error>
      {error ?? ''}
    </Empty>
  )
}
