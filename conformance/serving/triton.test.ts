import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { servingService } from '../../src/serving/index.ts'
import { FIXTURES } from '../../src/serving/testing.ts'
import { runChecks } from '../lib/python.ts'

const DATATYPES = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'FP16', 'FP32', 'FP64', 'BYTES']

/** A folder of models in Triton's layout, asked by NVIDIA's own clients over HTTP and gRPC. */
test('what tritonclient asks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-triton-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const place = (model: string, from: string, version = '1'): void => {
    mkdirSync(join(folder, 'models', model), { recursive: true })
    cpSync(join(FIXTURES, from), join(folder, 'models', model, version), { recursive: true })
  }
  for (const model of ['pixels', 'plain', 'sklearn', 'lightgbm']) place(model, model)
  place('delay', 'one')
  place('delay', 'two', '2')
  writeFileSync(join(folder, 'models', 'delay', 'config.pbtxt'), 'name: "delay"\nplatform: "onnxruntime_onnx"\nversion_policy: { latest { num_versions: 1 } }\n')
  for (const datatype of DATATYPES) {
    mkdirSync(join(folder, 'models', datatype, '1'), { recursive: true })
    cpSync(join(FIXTURES, 'identity', `${datatype}.onnx`), join(folder, 'models', datatype, '1', 'model.onnx'))
  }
  const grpcPort = await freePort()
  const config = parseConfig(projectConfigSchema, `project: test\nmodel_repository: models\nservices: {serving: {grpc_port: ${grpcPort}}}\n`, 'millrace.yaml', {})
  const serving = await startForTest(servingService, config, { projectFolder: folder })
  t.after(() => serving.stop())
  await runChecks(t, join(import.meta.dirname, 'triton.py'), { SERVING_URL: serving.url, SERVING_GRPC: `127.0.0.1:${grpcPort}`, ZIPMAP: join(FIXTURES, 'zipmap.json'), MODELS: join(folder, 'models') })
})
