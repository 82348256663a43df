import { checkoutOuts, type CheckoutOptions, type CheckoutResult, type WantedOut } from '../versioning/checkout.ts'
import type { Project } from '../versioning/project.ts'
import { inSession } from '../versioning/session.ts'
import { loadPipelines } from './load.ts'

type NamedOut = WantedOut & { readonly source: string; readonly push: boolean }

/** Every version that the `.dvc` files and dvc.lock name, of outputs that are kept in the cache. */
function namedOuts(project: Project): readonly NamedOut[] {
  return inSession(project, (session) => {
    const pipelines = loadPipelines(session)
    const data = pipelines.data.flatMap(({ out, file }) => (out.oid !== undefined && out.cached ? [{ ...out, oid: out.oid, source: file.file }] : []))
    const outputs = pipelines.stages.flatMap((stage) => {
      const lock = pipelines.lockOf(stage).get(stage.name)
      return stage.outs.flatMap((out) => {
        const item = lock?.outs.find((candidate) => candidate.name === out.name)
        if (!item || !out.cache) return []
        return [{ path: out.path, oid: item.oid, isexec: item.isexec ?? false, legacy: item.legacy ?? false, source: stage.file, push: out.push }]
      })
    })
    return [...data, ...outputs]
  })
}

/** The hashes that belong in a remote. Objects of DVC 2.x lie elsewhere and are left to `dvc push`. */
export function namedObjects(project: Project): readonly string[] {
  return namedOuts(project).filter((out) => out.push && !out.legacy).map((out) => out.oid)
}

/**
 * Brings data and the outputs of stages to the versions that the `.dvc` files and dvc.lock name: after `git checkout`, or in a new worktree.
 * Targets are absolute paths of outputs, of parts of them, of folders that hold some, or of `.dvc` files. See `checkoutOuts`.
 */
export function checkout(project: Project, options: CheckoutOptions = {}): CheckoutResult {
  const wanted = namedOuts(project)
  const { targets, ...rest } = options
  if (!targets) return checkoutOuts(project, wanted, rest)
  const files = wanted.filter((out) => targets.includes(out.source)).map((out) => out.path)
  return checkoutOuts(project, wanted, { ...rest, targets: [...targets, ...files] })
}
