import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Difference } from '../../../src/api/registry.ts'
import { Panel } from '../shared/panel.tsx'
import { formatFigure } from '../tracking/values.ts'
import { diffOf, versionsOf } from './registry.ts'

const AREAS: Readonly<Record<Difference['area'], string>> = { version: 'version', tag: 'tag', data: 'data', param: 'parameter', metric: 'metric', feature: 'feature', file: 'file' }
const SHORT = 24

/** What differs from another version; from the one before it, at first. */
export function DiffPanel({ name, version }: { readonly name: string; readonly version: string }) {
  const [chosen, setChosen] = useState<string>()
  const versions = useQuery({ queryKey: ['registry', 'versions', name], queryFn: ({ signal }) => versionsOf(name, signal) })
  const others = (versions.data ?? []).map((one) => String(one.version)).filter((one) => one !== version)
  const other = chosen ?? others.find((one) => Number(one) < Number(version)) ?? others[0]
  const diff = useQuery({ queryKey: ['registry', 'diff', name, version, other], queryFn: ({ signal }) => diffOf(name, version, other ?? '', signal), enabled: other !== undefined, retry: false })
  return (
    <Panel
      id="diff"
      title="What differs"
      actions={
        others.length === 0 ? undefined : (
          <label className="labelled">
            from
            <select className="choice" value={other} onChange={(event) => setChosen(event.target.value)}>
              {others.map((one) => (
                <option key={one} value={one}>
                  v{one}
                </option>
              ))}
            </select>
          </label>
        )
      }
    >
      {other === undefined ? <p className="quiet">There is no other version.</p> : null}
      {diff.error === null ? null : <p className="quiet">{diff.error.message}</p>}
      {diff.data === undefined ? null : diff.data.differences.length === 0 ? (
        <p className="quiet">Nothing.</p>
      ) : (
        <div className="table-scroll diff">
          <table>
            <thead>
              <tr>
                <th scope="col" />
                <th scope="col" />
                <th scope="col">v{version}</th>
                <th scope="col">v{other}</th>
              </tr>
            </thead>
            <tbody>
              {diff.data.differences.map(({ area, key, a, b }) => (
                <tr key={`${area} ${key}`}>
                  <td className="quiet">{AREAS[area]}</td>
                  <th scope="row" title={key}>
                    {key}
                  </th>
                  <DiffCell value={a} />
                  <DiffCell value={b} />
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}

function DiffCell({ value }: { readonly value: string | number | null }) {
  const text = value === null ? '–' : typeof value === 'number' ? formatFigure(value) : value
  return (
    <td className={value === null ? 'quiet' : ''} title={text.length > SHORT ? text : undefined}>
      {text.length > SHORT ? `${text.slice(0, SHORT)}…` : text}
    </td>
  )
}
