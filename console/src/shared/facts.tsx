import { type ReactNode, useState } from 'react'

export interface Fact {
  readonly name: string
  readonly value: ReactNode
}

/** Names and what they stand for. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl className="facts">
      {facts.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

interface PairsProps {
  /** What one of them is called, for the field that finds among them. */
  readonly what: string
  readonly pairs: readonly { readonly key: string; readonly value: string; readonly note?: string }[]
  readonly numeric?: boolean
}

const FIND_FROM = 9

/** A table of keys and values, with a field to find among many. */
export function Pairs({ what, pairs, numeric = false }: PairsProps) {
  const [wanted, setWanted] = useState('')
  const shown = pairs.filter(({ key, value }) => `${key} ${value}`.toLowerCase().includes(wanted.toLowerCase()))
  if (pairs.length === 0) return <p className="quiet">None.</p>
  return (
    <>
      {pairs.length < FIND_FROM ? null : <input type="search" className="text-input pairs-find" aria-label={`Find ${what}`} placeholder={`Find among ${pairs.length}`} value={wanted} onChange={(event) => setWanted(event.target.value)} />}
      <div className="table-scroll pairs">
        <table>
          <tbody>
            {shown.map(({ key, value, note }) => (
              <tr key={key}>
                <th scope="row" title={key}>
                  {key}
                </th>
                <td className={numeric ? 'number' : 'pair-value'} title={note}>
                  {value}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}
