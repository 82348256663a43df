import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

/** The Python of the peers' environment; says how to get one where there is none. */
export function peersPython(): string {
  const venv = process.env['MILLRACE_PEERS_VENV']
  const python = venv === undefined ? undefined : join(venv, 'bin', 'python')
  if (python === undefined || !existsSync(python)) {
    throw new Error(
      'MILLRACE_PEERS_VENV: expected the folder of a Python environment with conformance/requirements.txt installed. ' +
        '`npm run conformance` makes one; or: python3 -m venv .venv && .venv/bin/pip install -r conformance/requirements.txt',
    )
  }
  return python
}

interface Line {
  readonly name: string
  readonly ok: boolean
  readonly error?: string
}

/** Runs a script of checks (see checks.py): each line it prints becomes a test of its own. */
export async function runChecks(t: TestContext, script: string, environment: Readonly<Record<string, string>>): Promise<void> {
  await runProgram(t, [peersPython(), script], { PYTHONPATH: import.meta.dirname, PYTHONDONTWRITEBYTECODE: '1', ...environment })
}

/** The same for any program that prints such lines. */
export async function runProgram(t: TestContext, [program, ...words]: readonly [string, ...string[]], environment: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
  t.after(() => child.kill())
  let errors = ''
  child.stderr.on('data', (part: Buffer) => (errors = (errors + part.toString()).slice(-8000)))
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve))
  let checks = 0
  for await (const text of createInterface({ input: child.stdout })) {
    if (!text.startsWith('{"name"')) continue
    const line: Line = JSON.parse(text)
    checks++
    await t.test(line.name, () => assert.ok(line.ok, line.error))
  }
  assert.equal(await exit, 0, errors)
  assert.ok(checks > 0, `${program} ${words.join(' ')} checked nothing\n${errors}`)
}
