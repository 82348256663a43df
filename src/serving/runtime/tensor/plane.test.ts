import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { pino } from 'pino'
import type { JournalRecord, JournalTensor } from '../../../api/serving.ts'
import { createMetrics } from '../../../platform/metrics/index.ts'
import { Journal } from '../../journal/journal.ts'
import { FIXTURES } from '../../testing.ts'
import { readArtifact } from '../artifact.ts'
import { FeatureLookup } from '../lookup.ts'
import { ServingMetrics } from '../metrics.ts'
import { LoadedModel } from '../model.ts'
import { DataPlane, type Served, type Target } from '../plane.ts'
import { convert } from './convert.ts'
import { elementsOf } from './datatypes.ts'
import type { TensorMap } from './session.ts'
import type { TensorValue } from './value.ts'

/** Models of one or more outputs, with the batch that they are put together to. */
const MODELS = { 'identity/FP32': 64, 'identity/FP16': 7, 'identity/INT64': 64, 'identity/BOOL': 5, 'identity/BYTES': 16, sklearn: 64, pixels: undefined } as const
type Name = keyof typeof MODELS

let folder: string
let journal: Journal
/** By whether requests are traced. */
const planes = new Map<boolean, DataPlane>()
const targets = new Map<string, Target>()

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'serving-'))
  journal = Journal.open({ folder, durability: 'process' })
  for (const traced of [false, true]) planes.set(traced, new DataPlane(journal, new ServingMetrics(createMetrics('serving'), { queues: () => [], live: () => [], journalHead: () => 0 }), pino({ level: 'silent' }), traced))
  for (const [name, batch] of Object.entries(MODELS)) {
    const [group, file] = name.split('/')
    const artifact = readArtifact(join(FIXTURES, group ?? ''), file === undefined ? undefined : `${file}.onnx`)
    targets.set(name, { model: await LoadedModel.load(name, '1', artifact, batch === undefined ? {} : { maxBatchSize: batch }), alias: 'champion' })
  }
})
after(() => {
  for (const { model } of targets.values()) model.retire()
  journal.close()
  rmSync(folder, { recursive: true, force: true })
})

function targetOf(name: string): Target {
  const target = targets.get(name)
  assert.ok(target)
  return target
}

function served(name: string): Served {
  const lookup = new FeatureLookup(() => Promise.reject(new Error('nobody answers')), 10, { asked: () => undefined, failed: () => undefined })
  return { name, champion: targetOf(name), shadows: [], limits: { maxRows: 1000, maxQueue: 100_000, maxQueueBytes: 1e9, maxWaitMs: 1e9, maxBatchRows: 64 }, lookup, waiting: 0, waitingBytes: 0, shadowing: 0, predictions: 0 }
}

const ELEMENTS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  FP32: fc.float({ noNaN: true }),
  FP16: fc.double({ min: -65504, max: 65504, noNaN: true }).map(Math.f16round),
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  BOOL: fc.boolean(),
  BYTES: fc.string({ unit: 'grapheme', maxLength: 5 }),
}

interface Asked {
  readonly name: Name
  readonly inputs: TensorMap
  readonly fetch: readonly string[]
  /** One dimension too wide, which the model refuses. */
  readonly poisoned: boolean
}

/** Requests of some rows to a model, for some of its outputs. */
function requestsTo(name: Name): fc.Arbitrary<Asked> {
  const { model } = targetOf(name)
  const [input] = model.tensors?.inputs ?? []
  assert.ok(input)
  const outputs = model.tensors?.outputs.map((output) => output.name) ?? []
  const { datatype } = input
  return fc.tuple(fc.integer({ min: 1, max: 9 }), fc.subarray(outputs, { minLength: 1 }), fc.nat(40)).chain(([rows, fetch, luck]) => {
    const poisoned = luck === 0
    const inner = input.shape.slice(1).map((size) => (size === -1 ? 2 : size) + (poisoned ? 1 : 0))
    const count = inner.reduce((product, size) => product * size, rows)
    return fc.array(ELEMENTS[datatype] ?? fc.constant(0), { minLength: count, maxLength: count }).map((values): Asked => {
      const value: TensorValue = { datatype, shape: [rows, ...inner], data: convert(values, datatype, 'x') }
      return { name, inputs: new Map([[input.name, value]]), fetch, poisoned }
    })
  })
}

let ids = 0

async function answer({ name, inputs, fetch }: Asked, traced = false): Promise<{ readonly id: string; readonly outputs: Readonly<Record<string, unknown>> }> {
  const id = `request-${ids++}`
  const plane = planes.get(traced)
  assert.ok(plane)
  const { outputs } = await plane.tensors.infer(served(name), targetOf(name), { id, time: 0, inputs, fetch, probe: false })
  return { id, outputs: Object.fromEntries([...outputs].map(([output, { datatype, shape, data }]) => [output, { datatype, shape, data }])) }
}

/** As the journal has it. */
function kept({ datatype, shape, data }: TensorValue): JournalTensor {
  return { datatype, shape, data: elementsOf(data, datatype).map((value) => (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? String(value) : value === 0 ? 0 : value)) }
}

describe('the plane of tensors', () => {
  for (const traced of [false, true]) test(`answers thousands of concurrent requests of mixed models, shapes and outputs bit for bit as it answers them one by one; bad ones among them fail alone${traced ? '; traced, too' : ''}`, async () => {
    const names = Object.keys(MODELS) as readonly Name[]
    const asked = fc.sample(fc.oneof(...names.map(requestsTo)), { numRuns: 3000, seed: 4 })
    const from = journal.head
    const together = await Promise.allSettled(asked.map((request) => answer(request, traced)))
    const lines = new Map((await journal.read(from, 1e9)).bytes.toString().trimEnd().split('\n').map((line): [string, JournalRecord] => {
      const record: JournalRecord = JSON.parse(line)
      return [record.id, record]
    }))
    let good = 0
    for (const [i, request] of asked.entries()) {
      const found = together[i]
      if (request.poisoned) {
        assert.equal(found?.status, 'rejected')
        continue
      }
      assert.ok(found?.status === 'fulfilled', `${request.name}: ${found?.status === 'rejected' ? String(found.reason) : 'no answer'}`)
      good++
      assert.deepEqual(found.value.outputs, (await answer(request)).outputs, request.name)
      const line = lines.get(found.value.id)
      for (const [name, value] of request.inputs) assert.deepEqual(line?.tensors?.inputs?.[name], kept(value))
    }
    assert.equal(lines.size, good)
    assert.ok(good < asked.length && good > 2500, `${good} were good`)
  })
})
