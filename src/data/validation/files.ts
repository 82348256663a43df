import { closeSync, fstatSync, globSync, openSync, readSync, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { MillraceError, errnoCode, errorMessage } from '../../platform/errors/index.ts'

type DataFormat = 'parquet' | 'csv'

export interface DataFile {
  /** As the caller would write it: relative to `root` unless the pattern was absolute. */
  readonly path: string
  readonly absolute: string
  readonly format: DataFormat
}

/**
 * The files that the patterns name (a path, a folder or a glob), sorted, each once. A pattern that names nothing, and a file that is
 * neither Parquet nor CSV, are errors; so is a mixture, since text and typed data cannot be judged alike.
 */
export function findDataFiles(patterns: readonly string[], root: string): readonly DataFile[] {
  const paths = [...new Set(patterns.flatMap((pattern) => expand(pattern, root)))].toSorted()
  const files = paths.map((path) => {
    const absolute = resolve(root, path)
    return { path, absolute, format: formatOf(path, absolute) }
  })
  const other = files.find((file) => file.format !== files[0]?.format)
  if (other) throw new MillraceError('DATA_UNREADABLE', `${files[0]?.path} is ${files[0]?.format} and ${other.path} is ${other.format}: check them apart`)
  return files
}

function expand(pattern: string, root: string): readonly string[] {
  const at = isAbsolute(pattern) ? pattern : join(root, pattern)
  const stats = statSync(at, { throwIfNoEntry: false })
  const glob = stats?.isDirectory() ? join(pattern, '**/*.{parquet,csv,csv.gz,tsv}') : pattern
  if (stats?.isFile()) return [checked(pattern)]
  const found = globSync(glob, { cwd: root }).filter((path) => statSync(resolve(root, path)).isFile())
  if (found.length === 0) throw new MillraceError('DATA_NOT_FOUND', `${pattern} names no file (looked in ${root})`)
  return found.map(checked)
}

/** DuckDB would read these as a pattern of its own. */
function checked(path: string): string {
  if (/[*?[\]]/.test(path)) throw new MillraceError('DATA_UNREADABLE', `${path}: a data file's name cannot hold any of * ? [ ]`)
  return path
}

const MAGIC = 'PAR1'

function formatOf(path: string, absolute: string): DataFormat {
  if (/\.(csv|tsv)(\.gz)?$/i.test(path)) return 'csv'
  const { size, head, tail } = ends(path, absolute)
  if (head === MAGIC && tail === MAGIC && size >= 12) return 'parquet'
  if (size === 0) throw new MillraceError('DATA_UNREADABLE', `${path} is not Parquet: it is empty`)
  if (head === MAGIC) throw new MillraceError('DATA_UNREADABLE', `${path} is cut off: it starts as Parquet, but does not end with its footer (found ${shown(tail)})`)
  throw new MillraceError('DATA_UNREADABLE', `${path} is not Parquet: expected it to start with ${MAGIC}, found ${shown(head)}`)
}

function ends(path: string, absolute: string): { size: number; head: string; tail: string } {
  let file: number | undefined
  try {
    file = openSync(absolute, 'r')
    const { size } = fstatSync(file)
    const read = (position: number): string => {
      const bytes = Buffer.alloc(Math.min(4, size))
      readSync(file ?? 0, bytes, 0, bytes.length, Math.max(0, position))
      return bytes.toString('latin1')
    }
    return { size, head: read(0), tail: read(size - 4) }
  } catch (error) {
    const code = errnoCode(error) === 'ENOENT' ? 'DATA_NOT_FOUND' : 'DATA_UNREADABLE'
    throw new MillraceError(code, `${path} cannot be read: ${errorMessage(error)}`, { cause: error })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function shown(bytes: string): string {
  return JSON.stringify(bytes.replaceAll(/[^\x20-\x7e]/g, '.'))
}
