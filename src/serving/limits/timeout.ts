import { MillraceError } from '../../platform/errors/index.ts'

/**
 * The header in which Envoy, and with it Istio and KServe's mesh, tells who is behind it how many milliseconds it will wait
 * (envoyproxy.io: http/http_filters/router_filter, x-envoy-expected-rq-timeout-ms). HTTP itself has no such header.
 */
export const TIMEOUT_HEADER = 'x-envoy-expected-rq-timeout-ms'

/** Milliseconds; undefined where the caller sets no limit. Envoy's 0 is none either. BAD_REQUEST for what is no whole number. */
export function timeoutOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  if (!/^\d{1,12}$/.test(header)) throw new MillraceError('BAD_REQUEST', `X-Envoy-Expected-Rq-Timeout-Ms is ${JSON.stringify(header)}, expected milliseconds`)
  return header === '0' ? undefined : Number(header)
}

/**
 * Milliseconds of a V2 request's parameter `timeout`, which is in microseconds (triton-inference-server/server: docs/protocol/extension_schedule_policy.md); gRPC
 * gives 64-bit numbers as text. Undefined where it is left out or 0.
 */
export function timeoutParameter(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  const micros = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof micros !== 'number' || !Number.isSafeInteger(micros) || micros < 0) throw new MillraceError('BAD_REQUEST', `parameters.timeout is ${JSON.stringify(value)}, expected microseconds`)
  return micros === 0 ? undefined : micros / 1000
}
