import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { FIXTURES } from '../testing.ts'
import { openModelSession } from './session/open.ts'

/** This file is also the program: `node FILE --opens MODEL PLACE`. */
const [, PROGRAM = '', opens, model = '', place] = process.argv
const PLACES = ['loop', 'thread'] as const

if (opens === '--opens') {
  const session = await openModelSession(model, PLACES.find((one) => one === place))
  await session.release()
} else describe('a process that runs models', () => {
  for (const place of PLACES) {
    test(`in the ${place} leaves ONNX Runtime no number to know the machine by, and no queue of what to tell Microsoft`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'telemetry-'))
      try {
        // ONNX Runtime is silent by itself where it takes the machine for one of CI.
        const environment = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder }
        await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, '--opens', join(FIXTURES, 'plain/model.onnx'), place], { env: environment })
        assert.deepEqual(readdirSync(folder, { recursive: true }), [])
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})
