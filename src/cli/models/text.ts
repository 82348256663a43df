import type { Lineage, Verification, VersionDiff } from '../../api/registry.ts'
import type { AliasMove, ModelVersion, RegisteredModel } from '../../api/tracking.ts'

/** Words for people; `--json` has everything. */
export function moveLine({ time, alias, version, previous, actor, reason, kind, overridden }: AliasMove): string {
  const what = version === null ? `removed from ${previous ?? '–'}` : `${previous ?? '–'} → ${version}`
  const how = [kind === 'rollback' ? 'rollback' : '', overridden === undefined ? '' : `overrode ${overridden.map(({ rule }) => rule).join('; ')}`].filter((text) => text !== '')
  return `${time.slice(0, 19).replace('T', ' ')}  ${alias.padEnd(12)} ${what.padEnd(18)} ${actor}${reason === '' ? '' : `: ${reason}`}${how.length === 0 ? '' : `  [${how.join(', ')}]`}`
}

export function modelLine({ name, latest_versions: latest, aliases, description }: RegisteredModel): string {
  const newest = latest.map(({ version }) => Number(version)).reduce((a, b) => Math.max(a, b), 0)
  const named = aliases.map(({ alias, version }) => `${alias} ${version}`).join(', ')
  return `${name}  ${newest === 0 ? 'no version' : `newest ${newest}`}${named === '' ? '' : `  ${named}`}${description === undefined ? '' : `  ${firstLine(description)}`}`
}

export function versionLine({ version, creation_timestamp: created, aliases, digest, current_stage: stage, run_id: run }: ModelVersion): string {
  const notes = [aliases.join(', '), stage === 'None' ? '' : stage, run === undefined ? '' : `run ${run.slice(0, 8)}`, digest === undefined ? 'not sealed' : `sealed ${digest.slice(0, 12)}`]
  return `${version.padStart(4)}  ${new Date(created).toISOString().slice(0, 19).replace('T', ' ')}  ${notes.filter((note) => note !== '').join('  ')}`
}

export function lineageLines(lineage: Lineage): readonly string[] {
  const { run, copy_of: copy, training_window: window } = lineage
  const facts: readonly (readonly [string, string | null])[] = [
    ['version', `${lineage.model}/${lineage.version}, created ${lineage.created}`],
    ['aliases', lineage.aliases.join(', ') || null],
    ['description', lineage.description === null ? null : firstLine(lineage.description)],
    ['copy of', copy === null ? null : `${copy.model}/${copy.version}`],
    ['run', run === null ? null : `${run.run_id} ${run.name}, ${run.status.toLowerCase()}, by ${run.user || 'nobody'}, experiment ${run.experiment_id}`],
    ['commit', lineage.commit],
    ['execution', lineage.execution],
    ['reason', lineage.reason],
    ...Object.entries(lineage.data).map(([path, hash]): [string, string] => ['data', `${path} ${hash}`]),
    ...lineage.datasets.map(({ name, digest, context }): [string, string] => ['dataset', `${name} ${digest}${context === null ? '' : ` (${context})`}`]),
    ['contract', lineage.contract],
    ['features', lineage.features.join(', ') || null],
    ['trained on', window === null ? null : `${window.from ?? '…'} to ${window.to ?? '…'}`],
    ['digest', lineage.digest],
    ...Object.entries(lineage.metrics).map(([key, value]): [string, string] => ['metric', `${key} ${value}`]),
    ...lineage.held.map(({ alias, from, until, actor, reason }): [string, string] => ['held', `${alias} from ${from} ${until === null ? 'until now' : `until ${until}`}, by ${actor}${reason === '' ? '' : `: ${reason}`}`]),
    ...lineage.copies.map(({ model, version }): [string, string] => ['copied to', `${model}/${version}`]),
  ]
  return facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(11)} ${value}`]))
}

export function diffLines({ a, b, differences }: VersionDiff): readonly string[] {
  const title = `${a.model}/${a.version} → ${b.model}/${b.version}`
  if (differences.length === 0) return [`${title}: nothing differs`]
  const show = (value: string | number | null) => (value === null ? '–' : typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : firstLine(String(value)))
  return [title, ...differences.map(({ area, key, a: left, b: right }) => `${area.padEnd(8)} ${key}: ${show(left)} → ${show(right)}`)]
}

export function verificationLines({ model, version, ok, digest, files, size, problems }: Verification): readonly string[] {
  if (ok) return [`${model}/${version} is as registered: ${files} files, ${size} bytes, manifest ${digest}`]
  return problems.length === 0 ? ['the manifest itself does not have its digest'] : problems.map(({ path, problem }) => `${problem.padEnd(8)} ${path}`)
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n')
  return line.length > 100 ? `${line.slice(0, 99)}…` : line
}
