import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** In a checkout only: the published package has its console built. */
const SCRIPT = fileURLToPath(new URL('../../scripts/build-console.mjs', import.meta.url))

/**
 * Builds the console where it is missing or older than its sources; says so line by line. A console that cannot be built stops nothing: the gateway says in its
 * place what to run. `stop` ends the builder.
 */
export async function buildConsole(say: (line: string) => void, stop: AbortSignal): Promise<void> {
  if (!existsSync(SCRIPT)) return
  await new Promise<void>((resolve) => {
    const child = spawn(process.execPath, [SCRIPT], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => say(text.trimEnd()))
    stop.addEventListener('abort', () => child.kill())
    child.once('error', (error) => say(`the console cannot be built: ${error.message}`))
    child.once('close', () => resolve())
  })
}
