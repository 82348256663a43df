/** Rows of a table in text, quoted as RFC 4180 says; at most `most` of them. */
export function parseSeparated(text: string, separator: ',' | '\t' | ';', most: number): readonly (readonly string[])[] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < text.length && rows.length < most) {
    let field = ''
    if (text[at] === '"') {
      at++
      for (; at < text.length; at++) {
        if (text[at] !== '"') field += text[at]
        else if (text[at + 1] === '"') field += text[at++]
        else break
      }
      at++
    }
    const end = nextOf(text, at, separator)
    field += text.slice(at, end)
    row.push(field)
    at = end
    if (text[at] === separator) {
      at++
      if (at === text.length) row.push('')
      else continue
    }
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    rows.push(row)
    row = []
  }
  return rows
}

function nextOf(text: string, from: number, separator: string): number {
  for (let at = from; at < text.length; at++) {
    const character = text[at]
    if (character === separator || character === '\n' || character === '\r') return at
  }
  return text.length
}
