import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Rule {
  /** Matches a path relative to the folder of the rule's file, with `/`. */
  readonly pattern: RegExp
  readonly ignores: boolean
  readonly foldersOnly: boolean
  readonly depth: number
}

const OWN = new Set(['.git', '.hg', '.dvc'])

/**
 * `.dvcignore` files: gitignore's syntax, each for its folder and below; the last rule that matches decides, a rule further down wins.
 * `.git`, `.hg`, `.dvc` and folders that are DVC projects of their own are always ignored.
 */
export class IgnoreRules {
  readonly #root: string
  readonly #byFolder = new Map<string, readonly Rule[]>()

  constructor(root: string) {
    this.#root = root
  }

  /** `folder` is relative to the project ('' for its root), with `/`, and itself not ignored. */
  ignores(folder: string, name: string, isFolder: boolean): boolean {
    if (OWN.has(name) && (isFolder || name === '.git')) return true
    if (isFolder && existsSync(join(this.#root, folder, name, '.dvc', 'config'))) return true
    const rules = this.#rulesOf(folder)
    if (rules.length === 0) return false
    const path = folder === '' ? name : `${folder}/${name}`
    const parts = path.split('/')
    for (let i = rules.length - 1; i >= 0; i--) {
      const rule = rules[i]
      if (rule && (isFolder || !rule.foldersOnly) && rule.pattern.test(parts.slice(rule.depth).join('/'))) return rule.ignores
    }
    return false
  }

  /** The same for any path: true too where a folder above it is ignored. */
  ignoresPath(path: string, isFolder: boolean): boolean {
    const parts = path.split('/')
    return parts.some((name, i) => this.ignores(parts.slice(0, i).join('/'), name, isFolder || i < parts.length - 1))
  }

  #rulesOf(folder: string): readonly Rule[] {
    const known = this.#byFolder.get(folder)
    if (known) return known
    const parts = folder === '' ? [] : folder.split('/')
    const above = parts.length === 0 ? [] : this.#rulesOf(parts.slice(0, -1).join('/'))
    const file = join(this.#root, folder, '.dvcignore')
    const own = existsSync(file) ? parseIgnore(readFileSync(file, 'utf8'), parts.length) : []
    const rules = own.length === 0 ? above : [...above, ...own]
    this.#byFolder.set(folder, rules)
    return rules
  }
}

function parseIgnore(text: string, depth: number): readonly Rule[] {
  const rules: Rule[] = []
  for (const line of text.split(/\r?\n/)) {
    const rule = line.trim()
    if (rule === '' || rule.startsWith('#') || rule === '/') continue
    const ignores = !rule.startsWith('!')
    const body = ignores ? rule : rule.slice(1)
    const foldersOnly = body.endsWith('/')
    const pattern = toRegExp(foldersOnly ? body.slice(0, -1) : body)
    if (pattern) rules.push({ pattern, ignores, foldersOnly, depth })
  }
  return rules
}

/** A gitignore pattern as a regular expression over a relative path; undefined for one that Git would discard. */
function toRegExp(body: string): RegExp | undefined {
  const anchored = body.slice(0, -1).includes('/') || body.startsWith('/')
  const parts = body.replace(/^\//, '').split('/')
  let source = anchored ? '' : '(?:.*/)?'
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1
    if (part === '**') source += last ? '.+' : '(?:.*/)?'
    else {
      const translated = translate(part)
      if (translated === undefined) return undefined
      source += translated + (last ? '' : '/')
    }
  }
  return new RegExp(`^${source}$`, 's')
}

function translate(part: string): string | undefined {
  let out = ''
  for (let i = 0; i < part.length; i++) {
    const char = part.charAt(i)
    if (char === '*') out += out.endsWith('[^/]*') ? '' : '[^/]*'
    else if (char === '?') out += '[^/]'
    else if (char === '\\' && i + 1 < part.length) out += RegExp.escape(part.charAt(++i))
    else if (char === '[') {
      const set = /^\[([!^]?)(\]?[^\]]*)\]/.exec(part.slice(i))
      if (!set) return undefined
      const [whole, negated = '', members = ''] = set
      out += `[${negated ? '^/' : ''}${members.replaceAll('\\', '\\\\').replaceAll('[', '\\[').replaceAll(']', '\\]').replaceAll('^', '\\^')}]`
      i += whole.length - 1
    } else out += RegExp.escape(char)
  }
  return out
}
