/** How a file is shown. Whatever looks like a page or a script is shown as text: nothing of an artifact ever runs. */
export type PreviewKind = 'image' | 'json' | 'table' | 'parquet' | 'markdown' | 'notebook' | 'text' | 'unknown'

const BY_EXTENSION: Readonly<Record<string, PreviewKind>> = {
  ...kind('image', 'png jpg jpeg gif webp bmp avif ico svg'),
  ...kind('json', 'json geojson'),
  ...kind('table', 'csv tsv'),
  ...kind('parquet', 'parquet pq'),
  ...kind('markdown', 'md markdown'),
  ...kind('notebook', 'ipynb'),
  ...kind('text', 'txt log py r sql sh ts js mjs css html htm xml yaml yml toml ini cfg conf env lock jsonl ndjson dockerfile java scala c h cpp rs go tex diff patch'),
}
const TEXT_NAMES = new Set(['MLmodel', 'Dockerfile', 'Makefile', 'LICENSE', 'README'])

const IMAGE_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  bmp: 'image/bmp',
  avif: 'image/avif',
  ico: 'image/x-icon',
  svg: 'image/svg+xml',
}

const MIB = 1024 * 1024
/** Bytes that a preview reads at most. */
export const LIMITS: Readonly<Record<PreviewKind, number>> = { image: 20 * MIB, json: 4 * MIB, table: 8 * MIB, parquet: 32 * MIB, markdown: MIB, notebook: 8 * MIB, text: 2 * MIB, unknown: MIB / 4 }

function kind(name: PreviewKind, extensions: string): Readonly<Record<string, PreviewKind>> {
  return Object.fromEntries(extensions.split(' ').map((extension) => [extension, name]))
}

const extensionOf = (path: string): string => /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''

export function previewOf(path: string): PreviewKind {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return TEXT_NAMES.has(name) ? 'text' : (BY_EXTENSION[extensionOf(path)] ?? 'unknown')
}

export const imageType = (path: string): string => IMAGE_TYPES[extensionOf(path)] ?? 'image/png'

/** The text of the bytes, or undefined where they are none. */
export function asText(bytes: Uint8Array): string | undefined {
  if (bytes.subarray(0, 8192).includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
