/** What of a list by name is in its address. */
export interface NameSearch {
  readonly name?: string
  readonly deleted?: boolean
}

export function parseNameSearch(search: Readonly<Record<string, unknown>>): NameSearch {
  const { name } = search
  return { ...(typeof name === 'string' || typeof name === 'number' ? { name: String(name) } : {}), ...(search.deleted === true ? { deleted: true } : {}) }
}
