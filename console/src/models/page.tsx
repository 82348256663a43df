import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { formatMoment } from '../runs/cells.ts'
import { Frame } from '../shared/frame.tsx'
import { Empty } from '../shared/panel.tsx'
import { Alias, sortedAliases } from './alias.tsx'
import { searchModels } from './registry.ts'

/** All registered models. */
export function ModelsPage() {
  const { name = '' } = useSearch({ from: '/models' })
  const navigate = useNavigate({ from: '/models' })
  const [text, setText] = useState(name)
  useEffect(() => setText(name), [name])
  useEffect(() => {
    document.title = 'Models · Millrace'
  }, [])
  const found = useInfiniteQuery({
    queryKey: ['models', name],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => searchModels(name, pageParam, signal),
    getNextPageParam: (page) => page.next,
    placeholderData: (previous) => previous,
  })
  const models = found.data?.pages.flatMap(({ items }) => items)
  return (
    <Frame skip="Skip to the models">
      <div className="page-head page-head-actions">
        <h1>Models</h1>
        <form
          className="inline-form"
          role="search"
          onSubmit={(event) => {
            event.preventDefault()
            void navigate({ search: text === '' ? {} : { name: text }, replace: true })
          }}
        >
          <input className="text-input" type="search" aria-label="Find by name" placeholder="Find by name" value={text} onChange={(event) => setText(event.target.value)} />
        </form>
      </div>
      <section className="panel" aria-label="Registered models">
        {found.error === null ? null : (
          <Empty title="Tracking cannot be asked" error>
            {found.error.message}
          </Empty>
        )}
        {models?.length === 0 ? <Empty title={name === '' ? 'No model is registered' : 'No model has such a name'}>{name === '' ? 'mlflow.register_model, or a pipeline that trains one, brings the first.' : 'Look for a part of its name.'}</Empty> : null}
        {models === undefined || models.length === 0 ? null : (
          <div className="table-scroll">
            <table className="list">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Aliases</th>
                  <th scope="col">Latest version</th>
                  <th scope="col">Tags</th>
                  <th scope="col">Changed</th>
                </tr>
              </thead>
              <tbody>
                {models.map((model) => (
                  <tr key={model.name}>
                    <th scope="row">
                      <Link className="name-link" to="/models/$name" params={{ name: model.name }}>
                        {model.name}
                      </Link>
                    </th>
                    <td className="wraps">
                      {sortedAliases(model.aliases).map(({ alias, version }) => (
                        <Alias key={alias} alias={alias} version={String(version)} />
                      ))}
                    </td>
                    <td>{latest((model.latest_versions ?? []).map(({ version }) => Number(version)))}</td>
                    <td className="wraps">
                      {(model.tags ?? []).map(({ key, value }) => (
                        <span className="badge" key={key}>
                          {key}: {value.slice(0, 80)}
                        </span>
                      ))}
                    </td>
                    <td>{formatMoment(model.last_updated_timestamp)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {found.hasNextPage ? (
          <button type="button" className="plain more" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            More models
          </button>
        ) : null}
      </section>
    </Frame>
  )
}

const latest = (versions: readonly number[]): string => (versions.length === 0 ? 'none' : `v${Math.max(...versions)}`)
