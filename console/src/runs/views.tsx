import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Experiment } from '../../../src/api/tracking.ts'
import { ask } from '../tracking/ask.ts'
import { type RunsSearch, parseRunsSearch } from './search.ts'

/** A view is kept as a tag of the experiment, so all who look at the experiment have it. */
const TAG = 'millrace.view.'

interface ViewsProps {
  readonly experiment: Experiment
  readonly search: RunsSearch
}

/** Views of this experiment that someone gave a name. Each is a link, and every other view is one too: the page's own address. */
export function Views({ experiment, search }: ViewsProps) {
  const [name, setName] = useState('')
  const queries = useQueryClient()
  const refresh = () => queries.invalidateQueries({ queryKey: ['experiment', experiment.experiment_id] })
  const save = useMutation({
    mutationFn: (view: string) =>
      ask('POST', 'mlflow/experiments/set-experiment-tag', { body: { experiment_id: experiment.experiment_id, key: `${TAG}${view}`, value: JSON.stringify(search) } }),
    onSuccess: () => {
      setName('')
      return refresh()
    },
  })
  const remove = useMutation({
    mutationFn: (key: string) => ask('POST', 'mlflow/experiments/delete-experiment-tag', { body: { experiment_id: experiment.experiment_id, key } }),
    onSuccess: refresh,
  })
  // MLflow's server leaves empty lists out.
  const views = (experiment.tags ?? []).filter(({ key }) => key.startsWith(TAG)).flatMap(({ key, value }) => {
    const view = readView(value)
    return view === undefined ? [] : [{ key, name: key.slice(TAG.length), view }]
  })
  const error = save.error ?? remove.error
  return (
    <details className="menu">
      <summary className="plain">Views{views.length === 0 ? '' : ` (${views.length})`}</summary>
      <div className="menu-body">
        {views.length === 0 ? <p className="quiet">No view has been saved yet. Whatever is shown is also in the page's address: copy it to share it.</p> : null}
        <ul className="view-list">
          {views.map(({ key, name: title, view }) => (
            <li key={key}>
              <Link from="/experiments/$experimentId" to="." search={view}>
                {title}
              </Link>
              <button type="button" className="filter-clear" aria-label={`Forget the view ${title}`} onClick={() => remove.mutate(key)}>
                ×
              </button>
            </li>
          ))}
        </ul>
        <form
          className="inline-form"
          onSubmit={(event) => {
            event.preventDefault()
            save.mutate(name.trim())
          }}
        >
          <input className="text-input" aria-label="Name of the view" placeholder="Save this view as" value={name} onChange={(event) => setName(event.target.value.replaceAll(/[^\w .-]/g, ''))} />
          <button type="submit" className="plain" disabled={name.trim() === ''}>
            Save
          </button>
        </form>
        {error === null ? null : <p role="alert">{error.message}</p>}
      </div>
    </details>
  )
}

/** Tags are anyone's to write. */
function readView(text: string): RunsSearch | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? parseRunsSearch({ ...value }) : undefined
  } catch {
    return undefined
  }
}
