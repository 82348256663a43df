import { useQuery } from '@tanstack/react-query'
import { gatesOf } from './registry.ts'

/** What the gate of an alias asks of a version. */
export function GateList({ name, version, alias }: { readonly name: string; readonly version: string; readonly alias: string }) {
  const { data } = useQuery({ queryKey: ['registry', 'gates', name, version, alias], queryFn: ({ signal }) => gatesOf(name, version, alias, signal), retry: false })
  if (data === undefined || data.checks.length === 0) return null
  return (
    <div>
      <span className={`verdict ${data.passed ? 'verdict-passed' : 'verdict-refused'}`}>{data.passed ? '✓ its gate lets it pass' : '✕ its gate will refuse it'}</span>
      <ul className="checks">
        {data.checks.map((check) => (
          <li key={`${check.name} ${check.rule}`}>
            <span aria-label={check.passed ? 'holds' : 'fails'}>{check.passed ? '✓' : '✕'}</span> {check.rule} <span className="quiet">found {String(check.value)}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
