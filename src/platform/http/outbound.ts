import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { BlockList, type LookupFunction, isIP } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { MillraceError } from '../errors/index.ts'

/** Addresses that are not of the public internet: https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 sibling. */
const SPECIAL_V4 = [
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16',
  '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4',
]
/** Beside what lies outside of 2000::/3. 6to4 (2002::/16) and Teredo (in 2001::/23) carry an IPv4 address, which may be any. */
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const special = new BlockList()
for (const range of SPECIAL_V4) special.addSubnet(...split(range), 'ipv4')
for (const range of SPECIAL_V6) special.addSubnet(...split(range), 'ipv6')
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')

/** Whether `address` is one of the public internet: not loopback, private, link-local, multicast, reserved, or an IPv4 address in IPv6 clothes. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special.check(address, 'ipv4')
    case 6:
      return global6.check(address, 'ipv6') && !special.check(address, 'ipv6')
    default:
      return false
  }
}

/**
 * An agent that connects to public addresses only: names are resolved once, refused if any of their addresses is not public, and the very addresses that
 * were checked are connected to, so that a name cannot change in between (DNS rebinding). The connected peer is checked once more. It uses no proxy.
 * `connectMs` limits resolving, connecting and the TLS handshake together.
 */
export function publicOnlyAgent(connectMs: number): Agent {
  const connect = buildConnector({ timeout: connectMs, lookup: publicLookup })
  return new Agent({
    connect: (options, callback) => {
      // A literal address is connected to without a lookup.
      const literal = options.hostname.replace(/^\[|\]$/g, '')
      if (isIP(literal) !== 0 && !isPublicAddress(literal)) {
        callback(notPublic(literal, literal), null)
        return
      }
      connect(options, (...result) => {
        const [error, socket] = result
        if (error !== null) callback(error, null)
        else if (isPublicAddress(socket.remoteAddress ?? '')) callback(null, socket)
        else {
          socket.destroy()
          callback(notPublic(options.hostname, socket.remoteAddress ?? 'no address'), null)
        }
      })
    },
  })
}

/** Refuses a host that is not public now. Throws BAD_REQUEST, also where the name cannot be resolved. */
export async function checkPublicHost(host: string): Promise<void> {
  const name = host.replace(/^\[|\]$/g, '')
  const addresses = await new Promise<readonly string[]>((resolve, reject) => {
    if (isIP(name) !== 0) resolve([name])
    else lookup(name, { all: true }, (error, found) => (error === null ? resolve(found.map(({ address }) => address)) : reject(unresolved(name, error))))
  })
  for (const address of addresses) if (!isPublicAddress(address)) throw notPublic(name, address)
}

const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...(options as LookupOptions), all: true }, (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => {
    const first = addresses?.[0]
    const refused = addresses?.find(({ address }) => !isPublicAddress(address))
    if (error !== null) callback(error, [])
    else if (first === undefined || refused !== undefined) callback(notPublic(hostname, refused?.address ?? 'no address'), [])
    else if (options.all === true) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

function split(range: string): [string, number] {
  const [address = '', bits = ''] = range.split('/')
  return [address, Number(bits)]
}

function notPublic(host: string, address: string): MillraceError {
  return new MillraceError('BAD_REQUEST', `${host} is at ${address}, which is not an address of the public internet`)
}

function unresolved(host: string, cause: Error): MillraceError {
  return new MillraceError('BAD_REQUEST', `${host} cannot be resolved: ${cause.message}`, { cause })
}
