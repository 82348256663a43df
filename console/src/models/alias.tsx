/** champion first. */
export function sortedAliases<T extends { readonly alias: string }>(aliases: readonly T[] = []): readonly T[] {
  return aliases.toSorted((a, b) => Number(b.alias === 'champion') - Number(a.alias === 'champion') || (a.alias < b.alias ? -1 : 1))
}

/** An alias, and where it stands. */
export function Alias({ alias, version }: { readonly alias: string; readonly version?: string }) {
  return (
    <span className={`badge ${alias === 'champion' ? 'badge-champion' : ''}`}>
      {alias}
      {version === undefined ? '' : ` v${version}`}
    </span>
  )
}
