import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A random forest of 100 trees in `folder`: models/forest/1/model.onnx, mlflow/, and the rows of 30 features that it was trained on. */
export function makeForest(venv: string, folder: string): readonly (readonly number[])[] {
  const { status, stderr } = spawnSync(join(venv, 'bin', 'python'), [join(import.meta.dirname, 'make_forest.py'), folder], { encoding: 'utf8', env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } })
  if (status !== 0) throw new Error(`the forest could not be made: ${stderr}`)
  return JSON.parse(readFileSync(join(folder, 'rows.json'), 'utf8')) as readonly (readonly number[])[]
}
