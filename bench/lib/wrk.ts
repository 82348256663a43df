// Closed-loop load by wrk (Debian package `wrk`): a client in C, which costs a fifth of what one in Node does of the machine that it shares with the server, and adds a third less to what a lone request takes.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LoadRequest, LoadResult } from './load.ts'

export interface WrkOptions {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** A file with a JSON list of LoadRequest, sent in turn; without numbers that differ. */
  readonly requests: string
}

/** What wrk counted; `failed`: answers of 400 and more, and connections that broke. */
export type WrkResult = Omit<LoadResult, 'nextNumber' | 'failure'>

/** Sends the requests in turn on all connections, from one thread. */
export async function wrkLoad({ port, connections, seconds, requests }: WrkOptions): Promise<WrkResult> {
  if (spawnSync('wrk', ['--version']).error) throw new Error('this benchmark needs wrk: apt-get install wrk')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-wrk-'))
  try {
    const script = join(folder, 'requests.lua')
    writeFileSync(script, scriptOf(JSON.parse(readFileSync(requests, 'utf8')) as readonly LoadRequest[]), 'latin1')
    const { stdout } = await promisify(execFile)('wrk', ['-t1', `-c${connections}`, `-d${seconds}`, '--timeout', '30', '-s', script, `http://127.0.0.1:${port}`])
    const report = stdout.trimEnd().split('\n').at(-1) ?? ''
    return JSON.parse(report) as WrkResult
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function scriptOf(requests: readonly LoadRequest[]): string {
  const lines = requests.map(({ method, path, body, bytes, headers }) => {
    const content = bytes === undefined ? Buffer.from(body ?? '') : Buffer.from(bytes, 'base64')
    const described = headers ?? (body === undefined ? {} : { 'Content-Type': 'application/json' })
    const fields = Object.entries(described).map(([name, value]) => `[${quoted(Buffer.from(name))}]=${quoted(Buffer.from(value))}`)
    return `{${quoted(Buffer.from(method))},${quoted(Buffer.from(path))},{${fields.join()}},${quoted(content)}},`
  })
  return `local given = {\n${lines.join('\n')}\n}
local ready, at = {}, 0
init = function()
  for i, one in ipairs(given) do ready[i] = wrk.format(one[1], one[2], one[3], one[4]) end
end
request = function()
  at = at % #ready + 1
  return ready[at]
end
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests":%d,"all":%d,"failed":%d,"seconds":%.6f,"p50":%.4f,"p95":%.4f,"p99":%.4f}\\n',
    summary.requests, summary.requests, failed, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000))
end
`
}

/** A string of Lua, byte for byte. */
function quoted(bytes: Buffer): string {
  let text = '"'
  for (const byte of bytes) text += byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`
  return `${text}"`
}
