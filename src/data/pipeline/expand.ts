import { join } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { isPyList, isPyMap, pyTypeName, type PyKey, type PyMap, type PyValue } from '../versioning/formats/py-value.ts'
import { checkShape } from '../versioning/formats/shape.ts'
import type { YamlFile } from '../versioning/formats/yaml-read.ts'
import { ForeachShape, MatrixShape, PipelineFileShape, StageShape } from './schema.ts'
import { hasExpression, resolveTemplates, templateText, type TemplateOptions } from './template.ts'
import { Variables } from './variables.ts'

/** A stage with all templates resolved, as the mapping that dvc.yaml could have held. */
export interface ResolvedStage {
  readonly name: string
  readonly data: PyMap
  readonly where: string
}

/** All stages of a dvc.yaml in the order written; `foreach` and `matrix` unrolled. Throws DVC_FILE_INVALID with file, line and key. */
export function expandStages(yaml: YamlFile, root: string, folder: string, options: TemplateOptions): readonly ResolvedStage[] {
  checkShape(PipelineFileShape, yaml)
  const file = isPyMap(yaml.value) ? yaml.value : new Map<PyKey, PyValue>()
  const vars = listOf(file.get('vars'))
  refuseTemplates(vars, `${yaml.where(['vars'])}: vars`)
  const variables = Variables.of(root, folder).with(vars, folder, yaml.where(['vars']))
  const stages = file.get('stages')
  if (!isPyMap(stages)) return []
  return [...stages].flatMap(([key, definition]) => {
    const name = String(key)
    const where = yaml.where(['stages', name])
    if (!isPyMap(definition)) return []
    return expandOne({ name, definition, where, variables, folder, options }, yaml)
  })
}

interface Definition {
  readonly name: string
  readonly definition: PyMap
  readonly where: string
  readonly variables: Variables
  readonly folder: string
  readonly options: TemplateOptions
}

function expandOne(stage: Definition, yaml: YamlFile): readonly ResolvedStage[] {
  const { name, definition } = stage
  const path = ['stages', name]
  if (definition.has('foreach') || definition.has('do')) {
    checkShape(ForeachShape, yaml, path)
    return foreachStages(stage, definition.get('foreach') ?? null, definition.get('do') ?? null)
  }
  if (definition.has('matrix')) {
    checkShape(MatrixShape, yaml, path)
    return matrixStages(stage)
  }
  checkShape(StageShape, yaml, path)
  return [resolveStage(stage, name, definition, stage.variables)]
}

function foreachStages(stage: Definition, source: PyValue, template: PyValue): readonly ResolvedStage[] {
  const where = `${stage.where}: stages.${stage.name}.foreach`
  const data = resolveTemplates(source, (path) => stage.variables.get(path), stage.options, where, 'foreach')
  if (!isPyMap(template)) return []
  if (isPyMap(data)) {
    return [...data].map(([key, item]) => resolveStage(stage, `${stage.name}@${key}`, template, stage.variables.hiding(new Map([['item', item], ['key', String(key)]]))))
  }
  if (!isPyList(data)) throw new MillraceError('DVC_FILE_INVALID', `${where}: a ${pyTypeName(data)}; expected a list or a mapping`)
  const composite = data.some((item) => isPyList(item) || isPyMap(item))
  // As in DVC, an item that comes twice makes one stage.
  const byKey = new Map(data.map((item, i) => [composite ? String(i) : templateText(item, stage.options, where), item]))
  return [...byKey].map(([key, item]) => resolveStage(stage, `${stage.name}@${key}`, template, stage.variables.hiding(new Map([['item', item]]))))
}

function matrixStages(stage: Definition): readonly ResolvedStage[] {
  const where = `${stage.where}: stages.${stage.name}.matrix`
  const { matrix, ...rest } = Object.fromEntries(stage.definition)
  const axes = resolveTemplates(matrix ?? null, (path) => stage.variables.get(path), stage.options, where, 'matrix')
  if (!isPyMap(axes)) throw new MillraceError('DVC_FILE_INVALID', `${where}: expected a mapping of lists`)
  let combinations: readonly (readonly { readonly axis: string; readonly fragment: string; readonly value: PyValue }[])[] = [[]]
  for (const [axis, values] of axes) {
    if (!isPyList(values)) throw new MillraceError('DVC_FILE_INVALID', `${where}.${axis}: a ${pyTypeName(values)}; expected a list`)
    const choices = values.map((value, i) => ({
      axis: String(axis), value, fragment: isPyList(value) || isPyMap(value) ? `${axis}${i}` : templateText(value, stage.options, where),
    }))
    combinations = combinations.flatMap((chosen) => choices.map((choice) => [...chosen, choice]))
  }
  const template = new Map(Object.entries(rest))
  return combinations.map((combination) => {
    const key = combination.map((choice) => choice.fragment).join('-')
    const item = new Map(combination.map((choice): [PyKey, PyValue] => [choice.axis, choice.value]))
    return resolveStage(stage, `${stage.name}@${key}`, template, stage.variables.hiding(new Map<PyKey, PyValue>([['item', item], ['key', key]])))
  })
}

function resolveStage(stage: Definition, name: string, definition: PyMap, variables: Variables): ResolvedStage {
  const resolve = (value: PyValue, key: string, scope: Variables) =>
    resolveTemplates(value, (path) => scope.get(path), stage.options, `${stage.where}: stages.${name}.${key}`, key)
  const vars = listOf(definition.get('vars'))
  refuseTemplates(vars, `${stage.where}: stages.${name}.vars`)
  const wdir = definition.get('wdir')
  const folder = typeof wdir === 'string' ? join(stage.folder, templateText(resolve(wdir, 'wdir', variables), stage.options, stage.where)) : stage.folder
  const scope = variables.with(vars, folder, `${stage.where}: stages.${name}`)
  const data = [...definition].filter(([key]) => key !== 'vars').map(([key, value]): [PyKey, PyValue] => [key, resolve(value, String(key), scope)])
  return { name, data: new Map(data), where: stage.where }
}

function refuseTemplates(value: PyValue, where: string): void {
  if (typeof value === 'string' && hasExpression(value)) throw new MillraceError('DVC_FILE_INVALID', `${where}: \${…} cannot be used here`)
  if (isPyList(value)) for (const item of value) refuseTemplates(item, where)
  if (isPyMap(value)) for (const item of value.values()) refuseTemplates(item, where)
}

function listOf(value: PyValue | undefined): readonly PyValue[] {
  return isPyList(value) ? value : []
}
