import { isIP } from 'node:net'

/**
 * Answers whether a request's Host (and Origin, if it has one) is ours. A page of another site that points its own name at our loopback address
 * (DNS rebinding, CVE-2025-14279 in MLflow) is told by its Host. Loopback names and plain addresses are always ours; others are configured.
 */
export function createHostCheck(allowed: readonly string[]): (host: string | undefined, origin: string | undefined) => boolean {
  const names = new Set(['localhost', ...allowed.map((name) => name.toLowerCase())])
  const isOurs = (name: string): boolean => names.has(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0
  // A sandboxed page sends `null`, and anyone may serve a page from an address: only loopback, our names, and the very host that is asked are ours.
  const isOurOrigin = (name: string, host: string): boolean => names.has(name) || name === host || /^(127\.\d+\.\d+\.\d+|\[::1\])$/.test(name)
  const known = new Map<string, boolean>()
  return (host, origin) => {
    if (host === undefined) return false
    const key = origin === undefined ? host : `${host} ${origin}`
    const answer = known.get(key)
    if (answer !== undefined) return answer
    const ours = isOurs(hostName(host)) && (origin === undefined || isOurOrigin(originName(origin), hostName(host)))
    if (known.size < 1000) known.set(key, ours)
    return ours
  }
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase()
}

function originName(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname.toLowerCase() : ''
}
