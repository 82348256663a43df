import { userInfo } from 'node:os'
import { type ChangeOptions, type RegistryClient, registryClient } from '../../../sdk/registry.ts'
import { createTransport } from '../../../sdk/http.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { connect } from '../connect.ts'
import { loadProject } from '../project.ts'
import { trackingAddress } from '../tracking-address.ts'
import type { ChangeCommand, Output } from './options.ts'

export interface VersionName {
  readonly model: string
  readonly version: string
}

/** An address that is given needs no project around it: at three in the morning one may stand anywhere. */
export function registry({ tracking }: Output): RegistryClient {
  const address = trackingAddress(tracking)
  return registryClient(tracking !== undefined && address !== undefined ? createTransport(address) : connect(loadProject(), 'tracking', { address }))
}

export function author({ actor, reason }: ChangeCommand): ChangeOptions {
  const who = actor ?? process.env['MILLRACE_ACTOR'] ?? userInfo().username
  return { actor: who, ...(reason === undefined ? {} : { reason }) }
}

/** `MODEL/VERSION`, `MODEL@ALIAS`, with or without `models:/`; `ofModel` is the model of a bare number. */
export async function versionNamed(client: RegistryClient, text: string, ofModel?: string): Promise<VersionName> {
  const name = text.replace(/^models:\//, '')
  if (ofModel !== undefined && /^\d+$/.test(name)) return { model: ofModel, version: name }
  const [, model, version] = /^([^/@]+)\/(\d{1,15})$/.exec(name) ?? []
  if (model !== undefined && version !== undefined) return { model, version }
  const [, aliased, alias] = /^([^/]+)@([\w-]+)$/.exec(name) ?? []
  if (aliased === undefined || alias === undefined) throw new MillraceError('USAGE', `found ${JSON.stringify(text)}, expected MODEL/VERSION or MODEL@ALIAS`)
  const found = await client.getByAlias(aliased, alias)
  if (found === undefined) throw new MillraceError('ALIAS_NOT_FOUND', `model ${aliased} has no alias ${alias}`)
  return { model: aliased, version: found.version }
}

/** JSON if asked for, else the lines. */
export function print({ json }: Output, value: unknown, lines: readonly string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(''))
}
