import { parse } from './any-value.ts'
import { ATTRIBUTE } from './keys.ts'
import type { Attributes } from './spans.ts'

export interface Node {
  readonly span_id: string
  readonly parent_id: string | null
  readonly attributes: Attributes
}

const COUNTS = ['input_tokens', 'output_tokens', 'total_tokens'] as const
const OPTIONAL_COUNTS = ['cache_read_input_tokens', 'cache_creation_input_tokens', 'cache_creation_input_tokens_above_1hr'] as const

/**
 * Tokens that a whole trace used; undefined where no span tells. Some clients add up on a parent what its children used: a span counts only where no span above
 * it tells of a use.
 */
export function tokensOf(nodes: readonly Node[]): Readonly<Record<string, number>> | undefined {
  const byId = new Map(nodes.map((node) => [node.span_id, node]))
  const used = new Map(nodes.flatMap((node) => (usageOf(node.attributes) === undefined ? [] : [[node.span_id, usageOf(node.attributes) ?? {}] as const])))
  const below = (node: Node): boolean => {
    const seen = new Set([node.span_id])
    for (let parent = node.parent_id; parent !== null && !seen.has(parent); parent = byId.get(parent)?.parent_id ?? null) {
      if (used.has(parent)) return true
      seen.add(parent)
    }
    return false
  }
  const counted = nodes.filter((node) => used.has(node.span_id) && !below(node)).map((node) => used.get(node.span_id) ?? {})
  if (counted.length === 0) return undefined
  const sum = (key: string) => counted.reduce((total, usage) => total + (usage[key] ?? 0), 0)
  const optional = OPTIONAL_COUNTS.filter((key) => counted.some((usage) => usage[key] !== undefined))
  return Object.fromEntries([...COUNTS, ...optional].map((key) => [key, sum(key)]))
}

function usageOf(attributes: Attributes): Readonly<Record<string, number>> | undefined {
  const text = attributes[ATTRIBUTE.tokenUsage]
  const value = text === undefined ? undefined : parse(text)
  if (typeof value !== 'object' || value === null) return undefined
  const counts = Object.entries(value).filter((pair): pair is [string, number] => typeof pair[1] === 'number')
  return counts.length === 0 ? undefined : Object.fromEntries(counts)
}
