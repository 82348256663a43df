import { posix } from 'node:path'
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { sendArtifact } from '../artifacts/send.ts'
import { readBelow } from '../artifacts/service.ts'
import { TAG, TRACE_DATA_FILE } from './keys.ts'
import { spanFileText } from './spans.ts'
import * as store from './store.ts'

/** The spans of a trace as MLflow's file of them, from wherever they are; with `path` an attachment of it. */
export async function sendTraceFile({ db, blobs }: TrainingContext, reply: FastifyReply, traceId: string, path: string | undefined): Promise<FastifyReply> {
  await store.requireTrace(db.kysely, traceId)
  const tags = await store.readPairs(db.kysely, 'trace_tags', traceId)
  const folder = tags[TAG.artifactLocation]
  if (folder === undefined) throw invalid(`Trace ${traceId} has no files`)
  if (path) {
    if (!/^[\w.-]+$/.test(path)) throw invalid(`Invalid path of an attachment: ${JSON.stringify(path.slice(0, 200))}: expected a plain name`)
    return sendArtifact(reply, path, await readBelow(blobs, folder, posix.join('attachments', path)))
  }
  if (tags[TAG.spansLocation] === undefined) return sendArtifact(reply, TRACE_DATA_FILE, await readBelow(blobs, folder, TRACE_DATA_FILE))
  const spans = await store.readSpans(db.kysely, [traceId])
  const content = Buffer.from(`{"spans": [${spans.map(spanFileText).join(', ')}]}`)
  return sendArtifact(reply, TRACE_DATA_FILE, { size: content.length, body: Readable.from([content]) })
}
