import { type Server, type ServerWritableStream, type handleUnaryCall, status } from '@grpc/grpc-js'
import { service } from 'grpc-health-check'

const LOOK_EVERY_MS = 500

type Status = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'

interface Asked {
  readonly service: string
}

interface Answer {
  readonly status: Status
}

type Watch = ServerWritableStream<Asked, Answer>

/**
 * gRPC's health protocol (grpc/grpc: doc/health-checking.md) for the services named: SERVING while `ready` says so. Each check asks anew; those who watch are
 * told within half a second. (The implementation of grpc-health-check holds what it was told last, and calls that watch never end there.)
 */
export class Health {
  readonly #services: ReadonlySet<string>
  readonly #ready: () => boolean
  readonly #watching = new Map<Watch, Status>()
  readonly #timer: NodeJS.Timeout

  constructor(services: readonly string[], ready: () => boolean) {
    this.#services = new Set(services)
    this.#ready = ready
    this.#timer = setInterval(() => this.#tell(), LOOK_EVERY_MS).unref()
  }

  addTo(server: Server): void {
    const check: handleUnaryCall<Asked, Answer> = ({ request }, callback) => {
      const found = this.#statusOf(request.service)
      if (found === 'SERVICE_UNKNOWN') callback({ code: status.NOT_FOUND, details: `there is no service ${request.service} here` })
      else callback(null, { status: found })
    }
    const list: handleUnaryCall<object, object> = (_call, callback) =>
      callback(null, { statuses: Object.fromEntries([...this.#services].map((name) => [name, { status: this.#statusOf(name) }])) })
    const watch = (call: Watch): void => {
      for (const event of ['cancelled', 'close']) call.on(event, () => this.#watching.delete(call))
      this.#report(call)
    }
    server.addService(service, { check, list, watch })
  }

  /** Tells those who watch, and ends their calls, which would else never end. */
  stop(): void {
    clearInterval(this.#timer)
    this.#tell()
    for (const call of this.#watching.keys()) call.end()
  }

  #statusOf(name: string): Status {
    return this.#services.has(name) ? (this.#ready() ? 'SERVING' : 'NOT_SERVING') : 'SERVICE_UNKNOWN'
  }

  #tell(): void {
    for (const call of this.#watching.keys()) if (this.#watching.get(call) !== this.#statusOf(call.request.service)) this.#report(call)
  }

  #report(call: Watch): void {
    const found = this.#statusOf(call.request.service)
    this.#watching.set(call, found)
    call.write({ status: found })
  }
}
