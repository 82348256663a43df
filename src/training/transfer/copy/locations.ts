/** Stores that clients reach by themselves: files there need not move. */
const OBJECT_STORES = /^(s3a?|gs|abfss?|wasbs?|hdfs|viewfs|dbfs|r2|oss|b2|sftp|ftp):/i

/** Where to keep a location as it is; undefined for one that only its own server, or one machine, reaches. */
export function keptLocation(uri: string): string | undefined {
  return OBJECT_STORES.test(uri) ? uri : undefined
}

/** `uri` with `from` at its beginning turned into `to`; undefined where it does not lie below `from`. */
export function moved(uri: string, from: string, to: string): string | undefined {
  const root = from.replace(/\/+$/, '')
  if (uri !== root && !uri.startsWith(`${root}/`)) return undefined
  return `${to.replace(/\/+$/, '')}${uri.slice(root.length)}`
}
