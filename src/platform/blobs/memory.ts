import { Readable } from 'node:stream'
import { MillraceError } from '../errors/index.ts'
import { checkKey } from './key.ts'
import type { BlobEntry, Blobs } from './port.ts'

/** Blobs in memory: for tests, and the shortest statement of what a driver does. */
export function memoryBlobs(): Blobs {
  const contents = new Map<string, Uint8Array>()
  const isFolder = (key: string) => [...contents.keys()].some((other) => other.startsWith(`${key}/`))
  return {
    put: async (key, content) => {
      checkKey(key)
      const bytes = content instanceof Uint8Array ? Uint8Array.from(content) : await collect(content)
      const parents = key.split('/').slice(0, -1).map((_, i, all) => all.slice(0, i + 1).join('/'))
      if (isFolder(key)) throw new MillraceError('CONFLICT', `${key} is a folder`)
      if (parents.some((parent) => contents.has(parent))) throw new MillraceError('CONFLICT', `${key}: a part of its path is a file`)
      contents.set(key, bytes)
      return { size: bytes.length }
    },
    get: (key) => {
      const bytes = contents.get(checkKey(key))
      if (bytes === undefined) return Promise.reject(new MillraceError('NOT_FOUND', `${key}: there is no such file`))
      return Promise.resolve({ size: bytes.length, body: Readable.from(bytes.length === 0 ? [] : [Uint8Array.from(bytes)], { objectMode: false }) })
    },
    stat: (key) => {
      const name = checkKey(key).split('/').at(-1) ?? ''
      const bytes = contents.get(key)
      if (bytes !== undefined) return Promise.resolve({ name, folder: false, size: bytes.length })
      return Promise.resolve(isFolder(key) ? { name, folder: true } : undefined)
    },
    list: (folder) => {
      const prefix = folder === '' ? '' : `${checkKey(folder)}/`
      const children = new Map<string, BlobEntry>()
      for (const [key, bytes] of contents) {
        if (!key.startsWith(prefix)) continue
        const [name = '', ...below] = key.slice(prefix.length).split('/')
        children.set(name, below.length > 0 ? { name, folder: true } : { name, folder: false, size: bytes.length })
      }
      return Promise.resolve([...children.values()].sort((a, b) => (a.name < b.name ? -1 : 1)))
    },
    delete: (key) => {
      checkKey(key)
      for (const other of contents.keys()) if (other === key || other.startsWith(`${key}/`)) contents.delete(other)
      return Promise.resolve()
    },
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
