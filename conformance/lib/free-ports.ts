import { type Server, createServer } from 'node:net'
import { SERVICE_NAMES } from '../../src/platform/config/index.ts'

/** Environment variables that put every service on a port of its own that was free a moment ago. */
export async function freePorts(): Promise<Record<string, string>> {
  const servers: Server[] = []
  const environment: Record<string, string> = {}
  for (const name of SERVICE_NAMES) {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (typeof address === 'object' && address !== null) environment[`MILLRACE_${name.toUpperCase()}_PORT`] = String(address.port)
    servers.push(server)
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return environment
}
