/** A name or a text can hold anything: it goes into SQL only through these two. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function list(items: readonly string[]): string {
  return `[${items.join(', ')}]`
}
