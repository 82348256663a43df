import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DEFAULT_PORTS } from '../../src/platform/config/schema.ts'
import { freePorts } from '../lib/free-ports.ts'

/**
 * docs/own-project.md, done as it says: each block with a name is a file, each block of `sh` is typed, in order; the one for another terminal runs beside. Only
 * the ports are others. What the page promises of the answers is asserted at the end of its sections.
 */
const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs', 'own-project.md'), 'utf8')
const home = mkdtempSync(join(tmpdir(), 'millrace-own-'))
const bin = join(home, 'bin')
mkdirSync(bin)
writeFileSync(join(bin, 'millrace'), `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin', 'millrace.mjs')}' "$@"\n`)
chmodSync(join(bin, 'millrace'), 0o755)

const ports = await freePorts()
const who = Object.fromEntries(['AUTHOR', 'COMMITTER'].flatMap((role) => [[`GIT_${role}_NAME`, 'Newcomer'], [`GIT_${role}_EMAIL`, 'newcomer@example.org']]))
const env = { ...process.env, ...ports, ...who, MLFLOW_TRACKING_URI: '', PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter) }
const onOurPorts = (text: string): string =>
  Object.entries(DEFAULT_PORTS).reduce((done, [name, port]) => done.replaceAll(`localhost:${port}`, `localhost:${ports[`MILLRACE_${name.toUpperCase()}_PORT`]}`), text)

let folder = home
let system: ChildProcess | undefined
after(async () => {
  if (system !== undefined && system.exitCode === null) {
    system.kill('SIGTERM')
    await once(system, 'exit')
  }
  rmSync(home, { recursive: true, force: true })
})

/** Types a block; answers what it printed. */
function type(block: string): string {
  const where = join(home, 'where')
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', `${onOurPorts(block)}\npwd > '${where}'`], { cwd: folder, env, encoding: 'utf8', timeout: 300_000 })
  assert.equal(status, 0, `${block}\n${stdout}\n${stderr}`)
  folder = readFileSync(where, 'utf8').trim()
  return stdout
}

async function startBeside(block: string): Promise<void> {
  const child = spawn('bash', ['-c', `exec ${block.trim()}`], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  system = child
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  while (!said.includes('Ctrl-C stops everything')) {
    assert.equal(child.exitCode, null, said)
    await sleep(100)
  }
}

/** A reader takes longer to read on than the services to do what is due. */
async function settle(): Promise<void> {
  for (let calm = 0; calm < 3; ) {
    const waiting: readonly { readonly waiting_for: readonly string[] }[] = JSON.parse(type('millrace status --json'))
    const [deployment]: readonly { readonly state: string }[] = JSON.parse(type(`curl -s localhost:${DEFAULT_PORTS.serving}/deployments`))
    calm = waiting.every(({ waiting_for }) => waiting_for.length === 0) && deployment?.state !== 'loading' ? calm + 1 : 0
    await sleep(200)
  }
}

/** What each section of the page comes to: the output of its commands, by heading. */
async function walk(): Promise<ReadonlyMap<string, string>> {
  const outputs = new Map<string, string>()
  for (const section of page.split(/^## /m).slice(1)) {
    const heading = section.slice(0, section.indexOf('\n'))
    let output = ''
    for (const [, info = '', text = ''] of section.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)) {
      const file = /file=(\S+)/.exec(info)?.[1]
      if (file !== undefined) {
        mkdirSync(dirname(join(folder, file)), { recursive: true })
        writeFileSync(join(folder, file), onOurPorts(text))
      } else if (info === 'sh terminal=2') await startBeside(text)
      else if (info === 'sh') {
        output += type(text)
        if (system !== undefined) await settle()
      }
    }
    outputs.set(heading, output)
  }
  return outputs
}

test('the page on one’s own model holds from its first line to its last', { timeout: 600_000 }, async () => {
  const outputs = await walk()
  const of = (number: number): string => [...outputs].find(([heading]) => heading.startsWith(`${number}. `))?.[1] ?? ''
  assert.match(of(3), /holds: data\/raw\/tickets/)
  assert.match(of(5), /"auc": 0\.8/)
  assert.match(of(7), /version +1 of slow-ticket/)
  assert.match(of(7), /"state":"promoted"/)
  assert.match(of(8), /"predictions":\[\{"label":[01],"probability":0\.\d+\}\]/)
  assert.match(of(8), /"accepted":1/)
  assert.match(of(9), /asked about 840/)
  assert.match(of(10), /everything due is done/)
  assert.match(of(10), /"column":"words"[^}]*"drifted":true/)
  assert.match(of(11), /finished .*slow-ticket version 2 +(drift|degraded)/)
  assert.match(of(11), /"version":"2","execution_id":"\w+","reason":"\w+","state":"promoted"/)
  assert.match(of(11), /model\.alias\.moved/)
})
