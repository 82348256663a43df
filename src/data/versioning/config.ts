import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'

/** What `.dvc/config` and `.dvc/config.local` (which wins) say, as far as Millrace follows it. */
export interface DvcConfig {
  readonly cacheDir: string
  readonly linkTypes: readonly LinkType[]
  readonly autostage: boolean
  /** Without Git: no `.gitignore` is written. */
  readonly noScm: boolean
  readonly defaultRemote: string | undefined
  readonly remotes: ReadonlyMap<string, string>
  /** `parsing.bool` and `parsing.list`: how a mapping in a template becomes command-line arguments. */
  readonly parsing: { readonly bool: string; readonly list: string }
}

export const LINK_TYPES = ['reflink', 'copy', 'hardlink', 'symlink'] as const
export type LinkType = (typeof LINK_TYPES)[number]

type Section = Map<string, { readonly value: string; readonly where: string }>

/** Throws DVC_FILE_INVALID with file and line. Relative paths in a configuration count from the `.dvc` folder. */
export function readConfig(dvcDir: string): DvcConfig {
  const sections = new Map<string, Section>()
  for (const name of ['config', 'config.local']) parseIni(join(dvcDir, name), sections)
  const get = (section: string, key: string) => sections.get(section)?.get(key)
  const located = (path: string) => (isAbsolute(path) ? path : resolve(dvcDir, path))
  const remotes = new Map<string, string>()
  for (const [name, section] of sections) {
    const remote = /^remote "(.*)"$/.exec(name)?.[1]
    const url = section.get('url')?.value
    if (remote !== undefined && url !== undefined) remotes.set(remote, /^[a-z0-9+]+:\/\//i.test(url) ? url : located(url))
  }
  return {
    cacheDir: located(get('cache', 'dir')?.value ?? 'cache'),
    linkTypes: linkTypes(get('cache', 'type')),
    autostage: isTrue(get('core', 'autostage')?.value),
    noScm: isTrue(get('core', 'no_scm')?.value),
    defaultRemote: get('core', 'remote')?.value,
    remotes,
    parsing: { bool: get('parsing', 'bool')?.value ?? 'store_true', list: get('parsing', 'list')?.value ?? 'nargs' },
  }
}

function linkTypes(entry: { value: string; where: string } | undefined): readonly LinkType[] {
  if (!entry) return ['reflink', 'copy']
  return entry.value.split(',').map((word) => {
    const found = LINK_TYPES.find((type) => type === word.trim())
    if (found) return found
    throw new MillraceError('DVC_FILE_INVALID', `${entry.where}: cache.type is ${JSON.stringify(word.trim())}; expected some of ${LINK_TYPES.join(', ')}`)
  })
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ['1', 'true', 'yes', 'on'].includes(value.toLowerCase())
}

/** ConfigObj's INI: `[section]` or `['section "name"']`, `key = value`, `#` comments, values perhaps in quotes. */
function parseIni(file: string, into: Map<string, Section>): void {
  if (!existsSync(file)) return
  let section: Section | undefined
  for (const [index, raw] of readFileSync(file, 'utf8').split('\n').entries()) {
    const line = raw.trim()
    const where = `${file}:${index + 1}`
    if (line === '' || line.startsWith('#')) continue
    const header = /^\[(.*)\]\s*(?:#.*)?$/.exec(line)?.[1]
    if (header !== undefined) {
      const name = unquote(header.trim())
      section = into.get(name) ?? new Map()
      into.set(name, section)
      continue
    }
    const at = line.indexOf('=')
    if (at < 0 || !section) throw new MillraceError('DVC_FILE_INVALID', `${where}: expected [section] or key = value, found ${JSON.stringify(line)}`)
    const quoted = /^(["']).*?\1/.exec(line.slice(at + 1).trim())?.[0]
    const value = quoted ?? line.slice(at + 1).replace(/\s#.*$/, '').trim()
    section.set(line.slice(0, at).trim(), { value: unquote(value), where })
  }
}

function unquote(text: string): string {
  return /^(["']).*\1$/s.test(text) && text.length > 1 ? text.slice(1, -1) : text
}
