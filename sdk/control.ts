import type { Watermark } from '../src/api/control.ts'
import type { Transport } from './http.ts'

/** What every service answers under `/health` and `/-/`. */
export function controlClient(transport: Transport) {
  return {
    /** Resolves when the service is healthy; throws otherwise. */
    health: async (): Promise<void> => {
      await (await transport.raw('GET', '/health')).arrayBuffer()
    },
    watermark: (): Promise<Watermark> => transport.json('GET', '/-/watermark'),
    /** Moves simulated project time forward to `now`. */
    setClock: (now: Date): Promise<{ time: string }> => transport.json('PUT', '/-/clock', { body: { now: now.toISOString() } }),
  }
}
