import type { RegistryConfig } from '../../domain/config.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { eventsIn } from '../events.ts'
import { type Caller, UNKNOWN_ACTOR } from './caller.ts'
import type { RegistryContext } from './context.ts'

export type RegistryAction =
  | 'model.create'
  | 'model.rename'
  | 'model.describe'
  | 'model.tag'
  | 'model.delete'
  | 'version.create'
  | 'version.describe'
  | 'version.tag'
  | 'version.stage'
  | 'version.seal'
  | 'version.delete'
  | 'alias.set'
  | 'alias.delete'
  | 'alias.rollback'
  | 'alias.override'

export interface Resource {
  readonly model: string
  readonly version?: number
  readonly alias?: string
}

export interface Question {
  /** As the caller names itself; undefined where it does not. */
  readonly actor: string | undefined
  readonly action: RegistryAction
  readonly resource: Resource
  /** Address that the request came from. */
  readonly remote: string
}

export type Decision = { readonly allowed: true } | { readonly allowed: false; readonly why: string }

/** Asked before each change of the registry, and for each part of it: deleting a version that an alias names asks for the alias too. */
export type Policy = (question: Question) => Decision

/** Throws ACCESS_DENIED where the policy refuses. */
export function authorize({ policy }: Pick<RegistryContext, 'policy'>, { actor, remote }: Caller, action: RegistryAction, resource: Resource): void {
  const decision = policy({ actor, remote, action, resource })
  if (decision.allowed) return
  const details: Denial = { actor: actor ?? UNKNOWN_ACTOR, action, resource: resourceText(resource), reason: decision.why }
  throw new MillraceError('ACCESS_DENIED', `${details.actor} may not ${action} ${details.resource}: ${details.reason}`, { details })
}

interface Denial {
  readonly actor: string
  readonly action: string
  readonly resource: string
  readonly reason: string
}

/** Does `work`, and tells of it where a policy refused it: not in its transaction, which is undone. */
export async function tellingDenials<T>({ db, outbox }: RegistryContext, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'ACCESS_DENIED') throw error
    const denial = error.details as Denial
    await db.transaction((trx) => outbox.emit(eventsIn(trx), 'dev.millrace.access.denied', denial.resource, denial))
    throw error
  }
}

/** `delay`, `delay/3`, `delay@champion`. */
export function resourceText({ model, version, alias }: Resource): string {
  if (alias !== undefined) return `${model}@${alias}`
  return version === undefined ? model : `${model}/${version}`
}

/** The policy that `registry.permissions` of millrace.yaml declares: the first rule that fits decides, and the default where none does. */
export function policyOf({ roles, rules, default: otherwise }: RegistryConfig['permissions']): Policy {
  const actorsOf = new Map(roles.map(({ role, actors }) => [role, new Set(actors)]))
  const known = rules.map((rule) => ({
    ...rule,
    has: (actor: string | undefined) => rule.role === '*' || (actor !== undefined && actorsOf.get(rule.role)?.has(actor) === true),
    fits: ({ action, resource }: Question) =>
      matches(rule.actions, action) && matches(rule.models, resource.model) && (matchesAll(rule.aliases) || (resource.alias !== undefined && matches(rule.aliases, resource.alias))),
  }))
  const unknown = rules.find(({ role }) => role !== '*' && !actorsOf.has(role))
  if (unknown !== undefined) {
    throw new MillraceError('CONFIG_INVALID', `registry.permissions.rules: role ${JSON.stringify(unknown.role)} is not one of registry.permissions.roles, expected one of ${['*', ...actorsOf.keys()].join(', ')}`)
  }
  return (question) => {
    const rule = known.find((one) => one.has(question.actor) && one.fits(question))
    if (rule !== undefined) return rule.effect === 'allow' ? { allowed: true } : { allowed: false, why: `registry.permissions: a rule for ${rule.role === '*' ? 'everyone' : `the role ${rule.role}`} denies it` }
    if (otherwise === 'allow' || (otherwise === 'loopback' && isLoopback(question.remote))) return { allowed: true }
    const why = otherwise === 'deny' ? 'no rule of registry.permissions allows it' : `no rule of registry.permissions allows it from ${question.remote}; without a rule only this machine may`
    return { allowed: false, why }
  }
}

const matchesAll = (patterns: readonly string[]): boolean => patterns.includes('*')

/** `*` stands for any text. */
function matches(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => new RegExp(`^${pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's').test(text))
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}
