import { MillraceError } from '../../platform/errors/index.ts'
import { isInside, nameOf, overlaps, type Project } from '../versioning/project.ts'
import type { OwnedOut } from '../versioning/data-files.ts'
import type { Stage } from './stage.ts'

/** What the graph connects: a stage, or a `.dvc` file that others read. */
export type Node = { readonly kind: 'stage'; readonly stage: Stage } | { readonly kind: 'data'; readonly file: string; readonly outs: readonly OwnedOut[] }

export interface Graph {
  readonly nodes: readonly Node[]
  /** To what each node needs, in the order of its deps. */
  readonly upstream: ReadonlyMap<Node, readonly Node[]>
}

/**
 * Who needs whose outputs; a dependency that lies in an output, or holds one, needs it too. Throws DVC_OVERLAP where two nodes own
 * overlapping paths, and PIPELINE_CYCLE with the way round.
 */
export function buildGraph(project: Project, nodes: readonly Node[]): Graph {
  const outs = nodes.flatMap((node) => pathsOf(node).map((path) => ({ path, node })))
  refuseOverlaps(project, outs)
  const upstream = new Map(nodes.map((node): [Node, readonly Node[]] => {
    if (node.kind === 'data') return [node, []]
    const needed = inputsOf(node.stage).flatMap((input) => outs.filter(({ path }) => isInside(input, path) || isInside(path, input)).map((out) => out.node))
    return [node, [...new Set(needed)]]
  }))
  const graph = { nodes, upstream }
  refuseCycle(project, graph)
  return graph
}

function inputsOf(stage: Stage): readonly string[] {
  return [...stage.deps, ...stage.params].map(({ path }) => path)
}

function pathsOf(node: Node): readonly string[] {
  return node.kind === 'stage' ? node.stage.outs.map(({ path }) => path) : node.outs.map(({ out }) => out.path)
}

export function nodeName(project: Project, node: Node): string {
  return node.kind === 'stage' ? node.stage.address : nameOf(project, node.file)
}

function refuseOverlaps(project: Project, outs: readonly { readonly path: string; readonly node: Node }[]): void {
  // With `/` at the end, a folder stands right before what it holds (`a.b/` sorts before `a/`).
  const sorted = outs.toSorted((a, b) => (`${a.path}/` < `${b.path}/` ? -1 : 1))
  for (const [i, out] of sorted.entries()) {
    const next = sorted[i + 1]
    if (!next || !overlaps(out.path, next.path)) continue
    const [a, b] = [nameOf(project, out.path), nameOf(project, next.path)]
    const [owner, other] = [nodeName(project, out.node), nodeName(project, next.node)]
    throw new MillraceError('DVC_OVERLAP', a === b ? `${a} is an output of both ${owner} and ${other}` : `${b}, an output of ${other}, lies in ${a}, an output of ${owner}`)
  }
}

function refuseCycle(project: Project, graph: Graph): void {
  const done = new Set<Node>()
  const visit = (node: Node, way: readonly Node[]): void => {
    const at = way.indexOf(node)
    if (at >= 0) {
      const circle = [...way.slice(at), node].map((step) => nodeName(project, step))
      throw new MillraceError('PIPELINE_CYCLE', `stages need each other in a circle: ${circle.join(' needs ')}`, { details: circle })
    }
    if (done.has(node)) return
    for (const needed of graph.upstream.get(node) ?? []) visit(needed, [...way, node])
    done.add(node)
  }
  for (const node of graph.nodes) visit(node, [])
}

/**
 * The nodes to look at for `targets`, in order: what a node needs comes before it (DVC's depth-first post-order, which also is the order of
 * new entries in dvc.lock). A frozen stage does not pull in what it needs. `single` leaves out everything but the targets.
 */
export function planNodes(graph: Graph, targets: readonly Node[], single: boolean): readonly Node[] {
  if (single) return targets
  const needs = (node: Node) => (node.kind === 'stage' && node.stage.frozen ? [] : (graph.upstream.get(node) ?? []))
  const wanted = new Set<Node>()
  const mark = (node: Node): void => {
    if (wanted.has(node)) return
    wanted.add(node)
    needs(node).forEach(mark)
  }
  targets.forEach(mark)
  const order = new Set<Node>()
  const visit = (node: Node): void => {
    if (order.has(node)) return
    needs(node).forEach(visit)
    order.add(node)
  }
  graph.nodes.filter((node) => wanted.has(node)).forEach(visit)
  return [...order]
}
