import type { FastifyReply } from 'fastify'

/** The console loads its own files and talks to its own gateway; nothing else, and nothing inline. Images of artifacts it reads itself, and shows from memory. */
const CONSOLE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export function setPageHeaders(reply: FastifyReply): void {
  reply
    .header('content-security-policy', CONSOLE_POLICY)
    .header('referrer-policy', 'no-referrer')
    .header('cross-origin-opener-policy', 'same-origin')
    .header('cross-origin-resource-policy', 'same-origin')
}
