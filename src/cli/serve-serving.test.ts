import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freePort } from '../platform/http/testing.ts'
import { grpcClient } from '../serving/grpc/testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-serve-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const main = join(import.meta.dirname, '..', 'main.ts')

test('serve serving runs where there is no millrace.yaml, on a folder of models', async () => {
  mkdirSync(join(folder, 'models', 'pixels', '1'), { recursive: true })
  cpSync(join(import.meta.dirname, '..', 'serving', 'fixtures', 'pixels', 'model.onnx'), join(folder, 'models', 'pixels', '1', 'model.onnx'))
  const port = await freePort()
  const grpcPort = await freePort()
  const child = spawn(process.execPath, [main, 'serve', 'serving', '--models', 'models', '--data', 'state', '--port', String(port), '--grpc-port', String(grpcPort)], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  let logged = ''
  child.stdout.on('data', (chunk: Buffer) => (logged += chunk.toString('utf8')))
  try {
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/v2/models/pixels/ready`).catch(() => null))?.status === 200
    while (!(await ready())) {
      assert.equal(child.exitCode, null)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3, 2, 2], data: Array.from({ length: 12 }, () => 1) }], outputs: [{ name: 'total' }] })
    const infer = () => fetch(`http://127.0.0.1:${port}/v2/models/pixels/infer`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const answer = await infer()
    const { outputs } = JSON.parse(await answer.text())
    assert.deepEqual(outputs[0].data, [12])
    assert.ok(existsSync(join(folder, 'state', 'serving', 'journal')))
    const second = spawnSync(process.execPath, [main, 'serve', 'serving', '--models', 'models', '--data', 'state', '--port', String(await freePort())], { cwd: folder, encoding: 'utf8' })
    assert.match(second.stderr, /FOLDER_IN_USE: .*state\/serving: another process of serving has it open/)
    assert.equal(second.status, 75)
    const { call, client } = grpcClient(grpcPort, 'inference.GRPCInferenceService')
    assert.deepEqual((await call('ServerReady', {})).body, { ready: true })
    client.close()
    assert.match(logged, new RegExp(`"host":"127.0.0.1","port":${grpcPort}.*"msg":"serving answers over gRPC"`))
    // What an operator has unloaded is no fault of the instance, nor is a request for it.
    assert.equal((await fetch(`http://127.0.0.1:${port}/v2/repository/models/pixels/unload`, { method: 'POST' })).status, 200)
    assert.equal((await infer()).status, 503)
    assert.equal((await fetch(`http://127.0.0.1:${port}/v2/health/ready`)).status, 200)
    while (!logged.includes('pixels was unloaded')) await once(child.stdout, 'data')
    assert.match(logged, /"level":"?(?:info|30)"?,[^\n]*"msg":"pixels was unloaded; POST/)
    assert.doesNotMatch(logged, /"level":"?(?:error|50)|"stack"/)
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
})

const TAKEN = [
  { what: "gRPC's port is taken", option: '--grpc-port', workers: 1, message: /PORT_TAKEN: gRPC of serving cannot listen at 127\.0\.0\.1:\d+/ },
  { what: 'the port is taken that its workers are to answer at', option: '--port', workers: 2, message: /PORT_TAKEN: port \d+ for serving is taken/ },
] as const
for (const { what, option, workers, message } of TAKEN) {
  test(`serve serving ends with what it has started, and says why, where ${what}`, async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const address = holder.address()
    const held = typeof address === 'object' && address !== null ? address.port : 0
    const ports = { '--port': await freePort(), [option]: held }
    const args = ['serve', 'serving', '--models', 'models', '--data', `state${option}`, ...Object.entries(ports).flatMap(([name, port]) => [name, String(port)])]
    // The channel that a supervisor has: it keeps the process that does not let go of it.
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, MILLRACE_SERVING_WORKERS: String(workers) } })
    try {
      let said = ''
      let logged = ''
      child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
      child.stdout?.on('data', (chunk: Buffer) => (logged += chunk.toString('utf8')))
      // Its workers have the pipes too: they are closed once the last of them is gone.
      const [code]: unknown[] = await once(child, 'close')
      assert.match(said, message)
      assert.equal(code, 69)
      assert.doesNotMatch(logged, /must wait|failed to close/)
    } finally {
      child.kill('SIGKILL')
      holder.close()
    }
  })
}

const REFUSED: readonly (readonly [readonly string[], RegExp])[] = [
  [['serving', '--models', 'models', '--database', 'postgresql://h/n'], /--database is for `serve tracking`/],
  [['tracking', '--models', 'models'], /--models is for `serve serving`/],
  [['tracking', '--grpc-port', '1'], /--grpc-port is for `serve serving`/],
  [['serving', '--grpc-port', '0'], /found 0, expected a port, 1 to 65535/],
  [['monitor', '--port', '1'], /--port is for `serve tracking` and `serve serving`/],
]
for (const [args, message] of REFUSED) {
  test(`serve ${args.join(' ')} is refused`, () => {
    const { status, stderr } = spawnSync(process.execPath, [main, 'serve', ...args], { cwd: folder, encoding: 'utf8' })
    assert.match(stderr, message)
    assert.equal(status, 64)
  })
}
