import type { Transport } from '../../../sdk/http.ts'
import { monitorClient } from '../../../sdk/monitor.ts'
import type { Candidate } from '../../api/monitor.ts'
import { connect } from '../connect.ts'
import { type Project, loadProject } from '../project.ts'
import { print, registry, versionNamed } from './connection.ts'
import type { Output } from './options.ts'

const RETRY_MS = 10_000

export async function submit(name: string, options: Output): Promise<void> {
  const { model, version } = await versionNamed(registry(options), name)
  const candidate = await submitCandidate(loadProject(), model, version)
  print(options, candidate, [candidateLine(candidate)])
}

/** Hands a version to the monitor's gate. One that is a candidate already stays the candidate that it is. NOT_FOUND without a retraining policy for the model. */
export function submitCandidate(project: Project, model: string, version: string): Promise<Candidate> {
  const monitor: Transport = connect(project, 'monitor', { retryForMs: RETRY_MS })
  return monitorClient(monitor).submitCandidate(model, version)
}

export function candidateLine({ candidate_id: id, state, gates }: Candidate): string {
  const failed = gates.flatMap(({ checks }) => checks.filter(({ passed }) => !passed).map(({ rule }) => rule))
  return `candidate ${id}  ${state}${failed.length === 0 ? '' : `: ${failed.join('; ')}`}`
}
