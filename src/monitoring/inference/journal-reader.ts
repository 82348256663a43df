import { request } from 'undici'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'

export interface JournalPage {
  /** Whole lines; null where serving refused the offset: no line of its journal begins there. */
  readonly bytes: Buffer | null
  /** The offset of the oldest line that is kept, and the one at which the next will stand. */
  readonly tail: number
  readonly head: number
  /** Changes with serving's process. Under one epoch an offset names the same line for ever. */
  readonly epoch: string
}

/** `taken`: up to which offset the journal is durably taken over, where that is to be said. */
export type ReadJournal = (after: number, limit: number, waitSeconds: number, taken?: number) => Promise<JournalPage>

/** `GET /journal` of serving. Throws UPSTREAM_FAILED when serving cannot be asked, or answers something else. */
export function journalReader(serving: () => string, stop: AbortSignal): ReadJournal {
  return async (after, limit, wait, taken) => {
    const path = `/journal?after=${after}&limit=${limit}&wait=${wait}${taken === undefined ? '' : `&acknowledge=${taken}`}`
    const signal = AbortSignal.any([stop, AbortSignal.timeout((wait + 10) * 1000)])
    try {
      const { statusCode, headers, body } = await request(`${serving()}${path}`, { signal })
      const bytes = Buffer.from(await body.arrayBuffer())
      const [tail, head] = ['tail', 'head'].map((name) => Number(headers[`x-millrace-journal-${name}`] ?? Number.NaN))
      const epoch = headers['x-millrace-journal-epoch']
      if ((statusCode !== 200 && statusCode !== 400) || !isOffset(tail) || !isOffset(head) || typeof epoch !== 'string') {
        throw new MillraceError('UPSTREAM_FAILED', `serving answered ${statusCode} to GET ${path}: ${bytes.toString('utf8', 0, 300)}`)
      }
      return { bytes: statusCode === 200 ? bytes : null, tail, head, epoch }
    } catch (error) {
      if (error instanceof MillraceError || stop.aborted) throw error
      throw new MillraceError('UPSTREAM_FAILED', `serving could not be asked for its journal: ${errorMessage(error)}`, { cause: error })
    }
  }
}

function isOffset(value: number | undefined): value is number {
  return Number.isSafeInteger(value)
}
