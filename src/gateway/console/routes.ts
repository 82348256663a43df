import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { MillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'
import { setPageHeaders } from './headers.ts'

const INDEX = 'index.html'
const ONE_YEAR_MS = 365 * 86_400_000
/** Paths of machines: an unknown one is a 404, never the console. */
const API_PATH = /^\/(?:api|ajax-api|v2|events|docs|-|invocations|health|metrics)(?:\/|$)/

const NOT_BUILT = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Millrace: the console is not built</title></head>
<body><h1>The console is not built yet</h1>
<p>The gateway is up, and its API answers; only the pages are missing. In the folder of Millrace run</p>
<pre>node scripts/build-console.mjs</pre>
<p>and load this page again. <code>npm start</code> does it by itself.</p>
<p>The API is described at <a href="/docs">/docs</a>, the events are at <a href="/events?limit=20">/events</a>.</p></body></html>
`

/** Where the built console lies: beside `src/` in a checkout, beside `dist/` in the installed package. */
export function findConsole(): string {
  const candidates = ['../../../console/dist', '../../../../console/dist'].map((path) => fileURLToPath(new URL(path, import.meta.url)))
  return candidates.find((folder) => existsSync(join(folder, INDEX))) ?? candidates[0] ?? ''
}

/** Serves the console's files; any other page address is answered with its index, whose own router knows what to show. */
export async function registerConsole(http: HttpServer, folder: string): Promise<void> {
  await http.register(fastifyStatic, { root: folder, serve: false, suppressWarning: true })

  const isFile = (path: string): boolean => statSync(join(folder, path), { throwIfNoEntry: false })?.isFile() === true

  const sendPage = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = (request.url.split('?', 1)[0] ?? '/').slice(1)
    setPageHeaders(reply)
    const plain = /^[\w./-]*$/.test(path) && !path.split('/').includes('..')
    if (plain && path !== '' && path !== INDEX && isFile(path)) {
      // What vite puts under assets/ has its hash in its name.
      return path.startsWith('assets/') ? reply.sendFile(path, { maxAge: ONE_YEAR_MS, immutable: true }) : reply.sendFile(path, { maxAge: 0 })
    }
    const wantsPage = path === '' || (request.headers.accept ?? '').includes('text/html')
    if (API_PATH.test(`/${path}`) || path.startsWith('assets/') || !wantsPage) {
      throw new MillraceError('NOT_FOUND', `${request.method} /${path}: gateway has no such route`)
    }
    if (!isFile(INDEX)) return reply.status(503).type('text/html; charset=utf-8').send(NOT_BUILT)
    return reply.header('cache-control', 'no-cache').sendFile(INDEX, { cacheControl: false })
  }
  http.get('/', { schema: { hide: true } }, sendPage)
  http.get('/*', { schema: { hide: true } }, sendPage)
}
