import { ResponderBuilder, type ServerInterceptor, ServerInterceptingCall, ServerListenerBuilder, status } from '@grpc/grpc-js'

/** A call whose message is to be received. */
interface Receiver {
  /** Lets its message come. */
  readonly begin: () => void
  /** Ends the call: others wait, and its message does not come. */
  readonly refuse: (reason: string) => void
}

export interface ReceivingOptions {
  /** Messages that may be on their way at once; each may take as many bytes as a message may have. */
  readonly atOnce: number
  /** Calls that may wait for that. */
  readonly waiting: number
  /** How long a message may be on its way while others wait. */
  readonly patienceMs: number
}

/**
 * Bounds what half received messages can hold, of all connections together: gRPC's library gives neither their bytes nor a limit for them, but a message that is
 * not asked for stays at the client, by HTTP/2's flow control, save for a window of 64 KB. Of those on their way the slowest has to go when others have waited
 * for long enough: callers that send nothing cannot keep the rest out.
 */
export class Receiving {
  readonly #options: ReceivingOptions
  /** With the moment at which each began, the oldest first. */
  readonly #receiving = new Map<Receiver, number>()
  readonly #waiting = new Set<Receiver>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: ReceivingOptions) {
    this.#options = options
  }

  enter(receiver: Receiver): void {
    const { atOnce, waiting } = this.#options
    if (this.#receiving.size < atOnce) return this.#begin(receiver)
    if (this.#waiting.size >= waiting) return receiver.refuse('too many messages are being received; try again')
    this.#waiting.add(receiver)
    this.#watch()
  }

  /** Its message has come, or its call has ended. */
  leave(receiver: Receiver): void {
    this.#waiting.delete(receiver)
    if (!this.#receiving.delete(receiver)) return
    const [next] = this.#waiting
    if (next === undefined) return
    this.#waiting.delete(next)
    this.#begin(next)
  }

  #begin(receiver: Receiver): void {
    this.#receiving.set(receiver, performance.now())
    receiver.begin()
  }

  #watch(): void {
    if (this.#timer !== undefined) return
    const [oldest] = this.#receiving
    if (oldest === undefined) return
    const [receiver, since] = oldest
    const left = since + this.#options.patienceMs - performance.now()
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        if (this.#waiting.size === 0) return
        if (this.#receiving.get(receiver) === since) {
          receiver.refuse('the message did not come while others waited; try again')
          this.leave(receiver)
        }
        if (this.#waiting.size > 0) this.#watch()
      },
      Math.max(0, left),
    ).unref()
  }
}

/** Calls with one request wait for their turn before the message is read. */
export function receivingInterceptor(receiving: Receiving): ServerInterceptor {
  return ({ requestStream }, call) => {
    if (requestStream) return new ServerInterceptingCall(call)
    let begin = (): void => undefined
    const receiver: Receiver = { begin: () => begin(), refuse: (details) => call.sendStatus({ code: status.UNAVAILABLE, details }) }
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        begin = () => next(metadata)
        receiving.enter(receiver)
      })
      .withOnReceiveMessage((message, next) => {
        receiving.leave(receiver)
        next(message)
      })
      .withOnReceiveHalfClose((next) => {
        receiving.leave(receiver)
        next()
      })
      .withOnCancel(() => receiving.leave(receiver))
      .build()
    return new ServerInterceptingCall(call, new ResponderBuilder().withStart((next) => next(listener)).build())
  }
}
