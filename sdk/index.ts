import { controlClient } from './control.ts'
import { eventsClient } from './events.ts'
import { featuresClient } from './features.ts'
import { type TransportOptions, createTransport } from './http.ts'
import { monitorClient } from './monitor.ts'
import { pipelinesClient } from './pipelines.ts'
import { servingClient } from './serving.ts'
import { trackingClient } from './tracking.ts'

export { ApiError, type TransportOptions } from './http.ts'

/** Where each service answers; what is left out is at its default port on this machine. */
export type Addresses = Readonly<Partial<Record<'gateway' | 'tracking' | 'features' | 'serving' | 'monitor' | 'pipelines', string>>>

export type Millrace = ReturnType<typeof connect>

/** One client for the whole system. Nothing is asked before a method is called; errors are ApiError. */
export function connect(addresses: Addresses = {}, options: TransportOptions = {}) {
  const at = (url: string | undefined, port: number) => createTransport(url ?? `http://127.0.0.1:${port}`, options)
  const transports = {
    gateway: at(addresses.gateway, 8080),
    tracking: at(addresses.tracking, 5000),
    features: at(addresses.features, 6566),
    serving: at(addresses.serving, 8000),
    monitor: at(addresses.monitor, 8001),
    pipelines: at(addresses.pipelines, 8002),
  }
  return {
    events: eventsClient(transports.gateway),
    tracking: trackingClient(transports.tracking),
    features: featuresClient(transports.features),
    serving: servingClient(transports.serving),
    monitor: monitorClient(transports.monitor),
    pipelines: pipelinesClient(transports.pipelines),
    control: Object.entries(transports).map(([name, transport]) => ({ name, ...controlClient(transport) })),
    /** The text of a service's `/metrics`. */
    metrics: async (name: keyof typeof transports): Promise<string> => (await transports[name].raw('GET', '/metrics')).text(),
  }
}
