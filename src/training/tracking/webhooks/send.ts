import { createHmac } from 'node:crypto'
import { type Dispatcher, Agent, request } from 'undici'
import { errorMessage } from '../../../platform/errors/index.ts'
import { publicOnlyAgent } from '../../../platform/http/index.ts'

/** Where webhooks may go. */
export interface Outbound {
  /** Plain http:// too; otherwise only https://. */
  readonly allowHttp: boolean
  /** Addresses that are not of the public internet too: receivers in the same network, and on this machine. */
  readonly allowPrivate: boolean
}

export interface Message {
  readonly url: string
  readonly secret: string | null
  readonly deliveryId: string
  readonly body: string
}

/** What came of one attempt. `retryAfterMs`: how long the receiver asked to wait. */
export type Outcome =
  | { readonly answered: true; readonly status: number; readonly text: string; readonly retryAfterMs: number | undefined }
  | { readonly answered: false; readonly error: string }

/** Takes half a minute at most; `signal` ends it before. */
export type Send = (message: Message, signal?: AbortSignal) => Promise<Outcome>

const CONNECT_MS = 10_000
const WHOLE_MS = 30_000
/** Of an answer no more is read. */
const LONGEST_ANSWER = 64 * 1024

/**
 * Posts messages as MLflow does: signed with HMAC-SHA256 over `DELIVERY_ID.TIMESTAMP.BODY`, in base64 behind `v1,`. It follows no redirect, which could
 * lead anywhere, and connects only to where `outbound` allows.
 */
export function createSender(outbound: Outbound): { readonly send: Send; readonly close: () => Promise<void> } {
  const agent: Dispatcher = outbound.allowPrivate ? new Agent({ connect: { timeout: CONNECT_MS } }) : publicOnlyAgent(CONNECT_MS)
  const send: Send = async ({ url, secret, deliveryId, body }, signal) => {
    const timestamp = String(Math.floor(Date.now() / 1000))
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'millrace-webhooks',
      'x-mlflow-delivery-id': deliveryId,
      'x-mlflow-timestamp': timestamp,
      ...(secret === null ? {} : { 'x-mlflow-signature': sign(secret, deliveryId, timestamp, body) }),
    }
    const late = AbortSignal.timeout(WHOLE_MS)
    try {
      const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent, signal: signal === undefined ? late : AbortSignal.any([signal, late]) })
      const text = await beginning(answer.body)
      return { answered: true, status: answer.statusCode, text, retryAfterMs: retryAfter(answer.headers['retry-after']) }
    } catch (error) {
      return { answered: false, error: errorMessage(error) }
    }
  }
  return { send, close: () => agent.close() }
}

export function sign(secret: string, deliveryId: string, timestamp: string, body: string): string {
  return `v1,${createHmac('sha256', secret).update(`${deliveryId}.${timestamp}.${body}`).digest('base64')}`
}

async function beginning(body: Dispatcher.ResponseData['body']): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    const bytes: Buffer = part
    parts.push(bytes)
    size += bytes.length
    if (size >= LONGEST_ANSWER) break
  }
  return Buffer.concat(parts).toString('utf8').slice(0, LONGEST_ANSWER)
}

function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
