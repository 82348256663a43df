import { posix } from 'node:path'
import type { Readable } from 'node:stream'
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
    .send(freedWhenWritten(blob.body))
}

/**
 * The same stream, piped in another way: the memory of a chunk is given back as soon as it is written. The garbage collector only looks at such memory when
 * 64 MB of it wait, which is a third of what this process may hold, and 5 GB would have it do so a hundred times. Never for a destination that passes chunks on.
 */
function freedWhenWritten(body: Readable): Readable {
  const pipe = <W extends NodeJS.WritableStream>(to: W): W => {
    body.on('data', (chunk: Buffer<ArrayBuffer>) => {
      if (!to.write(chunk, () => free(chunk))) body.pause()
    })
    to.on('drain', () => body.resume())
    body.on('end', () => to.end())
    return to
  }
  return Object.assign(body, { pipe })
}

/** A small chunk may share its memory with others. */
function free({ buffer, byteLength }: Buffer<ArrayBuffer>): void {
  if (byteLength === buffer.byteLength) buffer.transfer(0)
}
