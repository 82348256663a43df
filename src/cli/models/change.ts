import { MillraceError } from '../../platform/errors/index.ts'
import { author, print, registry, versionNamed } from './connection.ts'
import type { ChangeCommand, PromoteCommand, RollbackCommand } from './options.ts'
import { moveLine } from './text.ts'

export async function promote(name: string, options: PromoteCommand): Promise<void> {
  const client = registry(options)
  const { model, version } = await versionNamed(client, name)
  const { alias, from, overrideGate } = options
  const expected = from === undefined ? {} : { expected: from === 'none' ? null : from }
  await client.setAlias(model, alias, version, { ...author(options), ...expected, ...(overrideGate === undefined ? {} : { overrideGate }) })
  const move = (await client.aliasHistory(model, alias)).findLast((one) => one.version === version)
  print(options, move ?? null, move === undefined ? [] : [moveLine(move)])
}

/** The version from which to go back is fixed at the start: whoever moves the alias meanwhile makes this one a conflict, not a second rollback. */
export async function rollback(model: string, options: RollbackCommand): Promise<void> {
  const client = registry(options)
  const { alias, to } = options
  const expected = options.from ?? (await client.getByAlias(model, alias))?.version
  const move = await client.rollBackAlias(model, alias, { ...author(options), ...(expected === undefined ? {} : { expected }), ...(to === undefined ? {} : { to }) })
  print(options, move, [moveLine(move)])
}

export async function rename(model: string, newName: string, options: ChangeCommand): Promise<void> {
  const renamed = await registry(options).renameModel(model, newName, author(options))
  print(options, renamed, [`${model} is now ${renamed.name}`])
}

export async function remove(name: string, options: ChangeCommand & { readonly yes?: true }): Promise<void> {
  const client = registry(options)
  if (name.includes('/')) {
    const { model, version } = await versionNamed(client, name)
    await client.deleteVersion(model, version, author(options))
    print(options, { deleted: { model, version } }, [`deleted version ${version} of ${model}`])
    return
  }
  if (options.yes !== true) throw new MillraceError('USAGE', `${name} is a whole model: add --yes to delete it with all its versions and aliases, or name one version, ${name}/VERSION`)
  await client.deleteModel(name, author(options))
  print(options, { deleted: { model: name } }, [`deleted ${name} with all its versions`])
}
