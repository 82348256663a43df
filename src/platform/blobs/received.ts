import { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'

/**
 * Gives back the memory that an answer was received into, as soon as Node's parser has copied the body out of it. Of garbage outside its heap V8 lets 64 MB
 * gather, which a large answer does in no time. Where the parser should not have copied, nothing is given back.
 */
export function freeReceived(body: Readable): void {
  if (!(body instanceof IncomingMessage)) return
  const { socket } = body
  let parsed: unknown
  const push = body.push.bind(body)
  body.push = (chunk: unknown, encoding?: BufferEncoding) => {
    parsed = chunk instanceof Uint8Array ? chunk.buffer : undefined
    return push(chunk, encoding)
  }
  // After the parser's own listener: what it makes of a piece it has made by then.
  const free = ({ buffer, byteLength }: Buffer<ArrayBuffer>): void => {
    if (parsed !== undefined && parsed !== buffer && byteLength === buffer.byteLength) buffer.transfer(0)
  }
  socket.on('data', free)
  body.once('close', () => socket.off('data', free))
}
