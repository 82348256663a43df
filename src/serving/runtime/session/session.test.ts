import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { InferenceSession } from 'onnxruntime-node'
import { onnxRuntime } from '../onnx.ts'
import { DATATYPES, fixedType } from '../tensor/datatypes.ts'
import { FIXTURES } from '../../testing.ts'
import { openModelSession } from './open.ts'
import type { ModelSession, Place, RunPlace } from './port.ts'
import { ThreadSession } from './thread.ts'

type Tensors = InferenceSession.OnnxValueMapType
const fixture = (path: string): string => join(FIXTURES, path)
const SLOW = fixture('slow/model.onnx')

describe('where a model runs', () => {
  let { Tensor } = {} as Awaited<ReturnType<typeof onnxRuntime>>
  before(async () => {
    Tensor = (await onnxRuntime()).Tensor
  })
  const x = (...values: number[]): Tensors => ({ x: new Tensor('float32', Float32Array.from(values), [values.length, 1]) })
  const opened: ModelSession[] = []
  const open = async (...asked: Parameters<typeof openModelSession>): Promise<ModelSession> => {
    const session = await openModelSession(...asked)
    opened.push(session)
    return session
  }
  after(() => Promise.all(opened.map((session) => session.release())))

  test('one of short runs stays in the loop, one of long runs gets a thread, unless told otherwise', async () => {
    const places: [string, RunPlace, Place][] = [
      [fixture('plain/model.onnx'), 'auto', 'loop'],
      [SLOW, 'auto', 'thread'],
      [SLOW, 'loop', 'loop'],
      [fixture('plain/model.onnx'), 'thread', 'thread'],
    ]
    for (const [file, run, place] of places) assert.equal((await open(file, run)).place, place, `${file} ${run}`)
  })

  test('on CUDA, where ONNX Runtime has no such provider, it is refused with what is missing and how to get it, in either place', async () => {
    for (const run of ['loop', 'thread'] as const) {
      await assert.rejects(open(fixture('plain/model.onnx'), run, 'cuda'), { code: 'PROVIDER_MISSING', message: /shared library.*ONNXRUNTIME_NODE_INSTALL=cuda12/s })
    }
  })

  test('answers are the same bits, whichever', async () => {
    const [loop, thread] = [await open(SLOW, 'loop'), await open(SLOW, 'thread')]
    for (const feeds of [x(1), x(0.1, -2, 3e30, Number.NaN), x()]) {
      const [here, there] = [await loop.run(feeds, ['y']), await thread.run(feeds, ['y'])]
      assert.deepEqual(there['y'], here['y'])
    }
  })

  test('every datatype goes to the thread and back, strings among them, and the caller keeps its memory', async () => {
    for (const datatype of DATATYPES) {
      const session = await ThreadSession.open(fixture(`identity/${datatype}.onnx`))
      const type = fixedType(datatype)
      const memory = type?.make(8)
      const data = memory?.subarray(2, 6) ?? ['', 'Ω', 'a b', '🙂']
      if (memory) new Uint8Array(memory.buffer).fill(1)
      const given = new Tensor(type?.onnx ?? 'string', data, [2, 2])
      const { y } = await session.run({ x: given }, ['y'])
      assert.ok(y)
      assert.deepEqual([y.type, y.dims, [...y.data]], [given.type, given.dims, [...data]], datatype)
      assert.equal(memory?.length ?? 8, 8)
      await session.release()
    }
  })

  test('while the slow model runs, the event loop goes round', async () => {
    const session = await open(SLOW)
    let rounds = 0
    const timer = setInterval(() => rounds++, 1)
    // Some thirty milliseconds of work at the very least.
    await Promise.all(Array.from({ length: 10 }, () => session.run(x(1, 2, 3), ['y'])))
    clearInterval(timer)
    assert.ok(rounds > 1, `${rounds}`)
  })

  test('one whose inputs are larger than those it was tried with moves to a thread, and no run fails on the way', async () => {
    const session = await open(fixture('identity/FP64.onnx'))
    assert.equal(session.place, 'loop')
    const large = { x: new Tensor('float64', new Float64Array(2_000_000).fill(0.1), [1_000_000, 2]) }
    while (session.place === 'loop') assert.equal((await session.run(large, ['y']))['y']?.data[1_999_999], 0.1)
    assert.equal((await session.run(large, ['y']))['y']?.data[1_999_999], 0.1)
  })

  test('a run that the runtime refuses fails with its words, and the next one is answered', async () => {
    const session = await open(SLOW, 'thread')
    await assert.rejects(session.run({ x: new Tensor('float32', new Float32Array(3), [3]) }, ['y']), /Invalid rank for input: x/)
    await assert.rejects(session.run(x(1), ['z']), /z/)
    assert.equal((await session.run(x(1), ['y']))['y']?.size, 1)
  })

  test('a thread that ends fails what it ran, says why, and is made again for the next run', async () => {
    const session = await ThreadSession.open(fixture('identity/BYTES.onnx'), { heapMiB: 32 })
    const strings = (rows: number) => ({ x: new Tensor('string', Array.from({ length: rows * 2 }, (_, i) => `the text ${i}`), [rows, 2]) })
    await assert.rejects(session.run(strings(1_000_000), ['y']), { code: 'PREDICTION_FAILED', message: /the thread of the model ended: .*memory/ })
    assert.equal((await session.run(strings(1), ['y']))['y']?.data[1], 'the text 1')
    await session.release()
  })

  test('a file that is no model is refused from the thread as from the loop', async () => {
    for (const file of [fixture('zipmap.json'), fixture('none.onnx')]) {
      const reasons = await Promise.all((['loop', 'thread'] as const).map((run) => open(file, run).then(() => '', (error: Error) => error.message)))
      assert.match(reasons[0] ?? '', /no file none|not a model/)
      assert.equal(reasons[1], reasons[0])
    }
  })
})
