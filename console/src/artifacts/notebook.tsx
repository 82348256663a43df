import { useMemo } from 'react'
import { BytesImage } from './blob-image.tsx'
import { MarkdownView } from './markdown.tsx'

interface Output {
  readonly text?: string
  readonly image?: { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> }
  readonly error?: boolean
}

interface Cell {
  readonly kind: 'markdown' | 'code' | 'raw'
  readonly source: string
  readonly count: string
  readonly outputs: readonly Output[]
}

/** A Jupyter notebook (nbformat 4): its cells and what they put out. HTML and scripts that they put out are left out; most come with a text of the same. */
export function NotebookView({ text }: { readonly text: string }) {
  const cells = useMemo(() => readCells(text), [text])
  if (cells === undefined) return <pre className="preview-text">{text}</pre>
  return (
    <div className="notebook">
      {cells.map((cell, i) => (
        <section key={i} className={`cell cell-${cell.kind}`}>
          {cell.kind === 'markdown' ? (
            <MarkdownView text={cell.source} />
          ) : (
            <>
              <span className="cell-count quiet">[{cell.count}]</span>
              <pre>{cell.source}</pre>
            </>
          )}
          {cell.outputs.map((output, j) => (
            <div key={j} className={`cell-output ${output.error ? 'cell-error' : ''}`}>
              {output.image === undefined ? <pre>{output.text}</pre> : <BytesImage bytes={output.image.bytes} type={output.image.type} alt={`Output of cell ${i + 1}`} />}
            </div>
          ))}
        </section>
      ))}
    </div>
  )
}

function readCells(text: string): readonly Cell[] | undefined {
  let notebook: unknown
  try {
    notebook = JSON.parse(text)
  } catch {
    return undefined
  }
  const cells = get(notebook, 'cells')
  if (!Array.isArray(cells)) return undefined
  return cells.map((cell: unknown): Cell => {
    const type = get(cell, 'cell_type')
    const outputs = get(cell, 'outputs')
    return {
      kind: type === 'markdown' || type === 'code' ? type : 'raw',
      source: joined(get(cell, 'source')),
      count: String(get(cell, 'execution_count') ?? ' '),
      outputs: Array.isArray(outputs) ? outputs.flatMap(readOutput) : [],
    }
  })
}

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/svg+xml'] as const
// Colours of a terminal.
const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

function readOutput(output: unknown): readonly Output[] {
  const type = get(output, 'output_type')
  if (type === 'stream') return [{ text: joined(get(output, 'text')).replaceAll(ANSI, '') }]
  if (type === 'error') {
    const traceback = get(output, 'traceback')
    return [{ error: true, text: (Array.isArray(traceback) ? traceback.join('\n') : String(get(output, 'evalue') ?? '')).replaceAll(ANSI, '') }]
  }
  const data = get(output, 'data')
  for (const image of IMAGES) {
    const content = joined(get(data, image))
    const bytes = content === '' ? undefined : image === 'image/svg+xml' ? new Uint8Array(new TextEncoder().encode(content)) : fromBase64(content)
    if (bytes !== undefined) return [{ image: { type: image, bytes } }]
  }
  const plain = joined(get(data, 'text/plain'))
  return plain === '' ? [{ text: '[an output that has no text is not shown]' }] : [{ text: plain }]
}

function get(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** nbformat's multi-line strings may be lists. */
const joined = (value: unknown): string => (Array.isArray(value) ? value.join('') : typeof value === 'string' ? value : '')

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
