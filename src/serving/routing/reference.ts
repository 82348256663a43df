/** A model as a request names it: its name, and which version of it, as `7` or `@challenger`; without that the one that its deployment serves. */
export interface ModelReference {
  readonly model: string
  readonly reference: string | undefined
}

const VERSION = /^[1-9]\d{0,15}$/
/** MLflow's (mlflow/utils/validation.py, _REGISTERED_MODEL_ALIAS_REGEX). */
const ALIAS = /^@[\w-]{1,255}$/
/** Of a name as part of a path: what the file systems take. */
const LONGEST_NAME = 240

export function isVersion(reference: string): boolean {
  return VERSION.test(reference)
}

export function isAlias(reference: string): boolean {
  return ALIAS.test(reference)
}

/** `NAME@alias`, or null where the text does not end so. */
export function splitAlias(name: string): { readonly model: string; readonly reference: string } | null {
  const at = name.lastIndexOf('@')
  if (at <= 0 || !isAlias(name.slice(at))) return null
  return { model: name.slice(0, at), reference: name.slice(at) }
}

/** What `X-Millrace-Model` may hold: `NAME`, `NAME@alias` or `NAME/VERSION`, as in MLflow's `models:/` addresses. A name has no `/`. */
export function splitVersion(name: string): ModelReference {
  const at = name.indexOf('/')
  return at < 0 ? { model: name, reference: undefined } : { model: name.slice(0, at), reference: name.slice(at + 1) }
}

/** Whether a registered model may have the name (MLflow refuses `/` and `:`), and a folder, too. */
export function isModelName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/:\\\p{Cc}]/u.test(name) && name.isWellFormed() && encodeURIComponent(name).length <= LONGEST_NAME
}
