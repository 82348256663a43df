import { posix } from 'node:path'
import type { FastifyReply } from 'fastify'
import type { Blob } from '../../../platform/blobs/index.ts'

/**
 * Artifacts are other people's files: the browser must save them and neither guess their type nor run them (stored XSS), so each is an attachment of
 * no particular type, under a policy that allows nothing.
 */
export function sendArtifact(reply: FastifyReply, path: string, blob: Blob): FastifyReply {
  // A client that goes away must not leave the file open.
  reply.raw.once('close', () => blob.body.destroy())
  return reply
    .header('content-type', 'application/octet-stream')
    .header('content-length', blob.size)
    .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(posix.basename(path)).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`)
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', "default-src 'none'; sandbox")
    .send(blob.body)
}
