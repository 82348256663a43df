import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { Experiment } from '../../../src/api/tracking.ts'
import { formatMoment } from '../runs/cells.ts'
import { Frame } from '../shared/frame.tsx'
import { Empty } from '../shared/panel.tsx'
import { ask } from '../tracking/ask.ts'
import { inSearch, quoted } from '../tracking/keys.ts'
import type { NameSearch } from './search.ts'

const PAGE = 100
const HIDDEN_TAGS = /^(?:mlflow\.|millrace\.view\.)/

/** All experiments, latest used first. */
export function ExperimentsPage() {
  const { name = '', deleted } = useSearch({ from: '/experiments' })
  const navigate = useNavigate({ from: '/experiments' })
  const [text, setText] = useState(name)
  useEffect(() => setText(name), [name])
  useEffect(() => {
    document.title = 'Experiments · Millrace'
  }, [])
  const change = (next: NameSearch): void => void navigate({ search: next, replace: true })
  const found = useInfiniteQuery({
    queryKey: ['experiments', name, deleted],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      ask<{ experiments?: readonly Experiment[]; next_page_token?: string }>('POST', 'mlflow/experiments/search', {
        body: {
          max_results: PAGE,
          order_by: ['last_update_time DESC'],
          view_type: deleted === true ? 'DELETED_ONLY' : 'ACTIVE_ONLY',
          ...(name === '' ? {} : { filter: `${inSearch('attributes.name')} ILIKE ${quoted(`%${name}%`)}` }),
          ...(pageParam === '' ? {} : { page_token: pageParam }),
        },
        signal,
      }),
    getNextPageParam: (page) => page.next_page_token || undefined,
    placeholderData: (previous) => previous,
  })
  const experiments = found.data?.pages.flatMap((page) => page.experiments ?? [])
  return (
    <Frame skip="Skip to the experiments">
      <div className="page-head page-head-actions">
        <h1>Experiments</h1>
        <form
          className="inline-form"
          role="search"
          onSubmit={(event) => {
            event.preventDefault()
            change({ ...(text === '' ? {} : { name: text }), ...(deleted === true ? { deleted } : {}) })
          }}
        >
          <input className="text-input" type="search" aria-label="Find by name" placeholder="Find by name" value={text} onChange={(event) => setText(event.target.value)} />
          <label className="check">
            <input type="checkbox" checked={deleted === true} onChange={(event) => change({ ...(name === '' ? {} : { name }), ...(event.target.checked ? { deleted: true } : {}) })} /> Deleted
          </label>
        </form>
      </div>
      <section className="panel" aria-label="All experiments">
        {found.error === null ? null : (
          <Empty title="Tracking cannot be asked" error>
            {found.error.message}
          </Empty>
        )}
        {experiments?.length === 0 ? <Empty title={name === '' ? 'No experiments' : 'No experiment has such a name'}>{name === '' ? 'The first run brings one about.' : 'Look for a part of its name.'}</Empty> : null}
        {experiments === undefined || experiments.length === 0 ? null : (
          <div className="table-scroll">
            <table className="list">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Tags</th>
                  <th scope="col">Created</th>
                  <th scope="col">Changed</th>
                  <th scope="col" className="number">
                    ID
                  </th>
                </tr>
              </thead>
              <tbody>
                {experiments.map((experiment) => (
                  <tr key={experiment.experiment_id}>
                    <th scope="row">
                      <Link className="name-link" to="/experiments/$experimentId" params={{ experimentId: experiment.experiment_id }}>
                        {experiment.name}
                      </Link>
                    </th>
                    <td className="wraps">
                      {(experiment.tags ?? [])
                        .filter(({ key }) => !HIDDEN_TAGS.test(key))
                        .map(({ key, value }) => (
                          <span className="badge" key={key}>
                            {key}: {value.slice(0, 80)}
                          </span>
                        ))}
                    </td>
                    <td>{formatMoment(experiment.creation_time)}</td>
                    <td>{formatMoment(experiment.last_update_time)}</td>
                    <td className="number quiet">{experiment.experiment_id}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {found.hasNextPage ? (
          <button type="button" className="plain more" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            More experiments
          </button>
        ) : null}
      </section>
    </Frame>
  )
}
