import type { Duplex } from 'node:stream'
import { MillraceError } from '../../platform/errors/index.ts'
import type { CallerQuota, QuotaState } from '../limits/quota.ts'
import type { Deployment } from '../routing/deployment.ts'
import { FrameReader, encodeFrame } from './frames.ts'

/** Model, caller. */
type Asked = readonly [string, string]
type Answer = readonly [allowed: boolean, remaining: number, reset: number]

interface Question {
  readonly what: Asked
  readonly answered: PromiseWithResolvers<QuotaState>
}

const ALLOWED: Answer = [true, 0, 0]

/** Counts, for all workers, what comes through the pipe of one: there is one count for each caller, so a quota is as exact as with one process. */
export function serveQuotas(pipe: Duplex, deployments: readonly Deployment[]): void {
  const quotas = new Map(deployments.map(({ name, quota }) => [name, quota]))
  const reader = new FrameReader()
  const answerTo = async (asked: readonly Asked[]): Promise<readonly Answer[]> => {
    const now = performance.now()
    return Promise.all(
      asked.map(async ([model, caller]): Promise<Answer> => {
        const state = await quotas.get(model)?.take(caller, now)
        return state ? [state.allowed, state.remaining, state.reset] : ALLOWED
      }),
    )
  }
  pipe.on('data', (chunk: Buffer) => {
    for (const { number, body } of reader.read(chunk)) {
      void answerTo(JSON.parse(body.toString())).then((answers) => {
        if (!pipe.destroyed) pipe.write(encodeFrame(number, Buffer.from(JSON.stringify(answers))))
      })
    }
  })
  pipe.on('error', () => pipe.destroy())
}

/** Asks the service what is left of a caller's quota. One question is on its way at a time; those that come meanwhile go together in the next. */
export class QuotaLine {
  readonly #pipe: Duplex
  #asked: Question[] = []
  #sent: readonly Question[] = []
  #number = 0

  constructor(pipe: Duplex) {
    this.#pipe = pipe
    const reader = new FrameReader()
    pipe.on('data', (chunk: Buffer) => {
      for (const { body } of reader.read(chunk)) this.#answered(JSON.parse(body.toString()))
    })
    pipe.on('error', () => this.#break())
    pipe.on('close', () => this.#break())
  }

  /** UNAVAILABLE where the service is gone. */
  ask(model: string, caller: string): Promise<QuotaState> {
    if (this.#pipe.destroyed) return Promise.reject(gone())
    const answered = Promise.withResolvers<QuotaState>()
    this.#asked.push({ what: [model, caller], answered })
    if (this.#sent.length === 0) this.#send()
    return answered.promise
  }

  #send(): void {
    if (this.#asked.length === 0) return
    this.#sent = this.#asked
    this.#asked = []
    this.#pipe.write(encodeFrame(this.#number++, Buffer.from(JSON.stringify(this.#sent.map(({ what }) => what)))))
  }

  #answered(answers: readonly Answer[]): void {
    const sent = this.#sent
    this.#sent = []
    for (const [i, { answered }] of sent.entries()) {
      const [allowed, remaining, reset] = answers[i] ?? ALLOWED
      answered.resolve({ allowed, remaining, reset })
    }
    this.#send()
  }

  #break(): void {
    for (const { answered } of [...this.#sent, ...this.#asked]) answered.reject(gone())
    this.#sent = []
    this.#asked = []
  }
}

/** A model's quota as a worker has it. */
export function remoteQuota(model: string, quota: CallerQuota, line: QuotaLine): CallerQuota {
  return { policy: quota.policy, callers: 0, callerOf: (request, address) => quota.callerOf(request, address), take: (caller) => line.ask(model, caller) }
}

function gone(): MillraceError {
  return new MillraceError('UNAVAILABLE', 'the process that counts requests is gone')
}
