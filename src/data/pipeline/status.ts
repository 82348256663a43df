import { nameOf, type Project } from '../versioning/project.ts'
import { inSession } from '../versioning/session.ts'
import { outState } from '../versioning/status.ts'
import { hasChanges, stageChanges, type StageChanges } from './changes.ts'
import { loadPipelines } from './load.ts'

/** One entry of `dvc status --json`: `{"changed deps": {…}}`, `{"changed outs": {…}}`, `"changed command"`, `"always changed"`. */
export type StatusEntry = string | Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** What is out of date in the whole project, in the words and the layout of `dvc status --json`; an empty object where nothing is. */
export function projectStatus(project: Project): Readonly<Record<string, readonly StatusEntry[]>> {
  return inSession(project, (session) => {
    const pipelines = loadPipelines(session)
    const status: Record<string, readonly StatusEntry[]> = {}
    for (const [file, owned] of Map.groupBy(pipelines.data, ({ file: { file } }) => file)) {
      const states = owned.flatMap(({ out }): [string, string][] => {
        const state = outState(session, out)
        return state === undefined ? [] : [[nameOf(project, out.path), state]]
      })
      if (states.length > 0) status[nameOf(project, file)] = [{ 'changed outs': Object.fromEntries(states) }]
    }
    for (const stage of pipelines.stages) {
      const changes = stageChanges(session, stage, pipelines.lockOf(stage).get(stage.name))
      if (hasChanges(changes)) status[stage.address] = describe(changes)
    }
    return status
  })
}

function describe(changes: StageChanges): readonly StatusEntry[] {
  const params = [...changes.params].map(([file, state]): [string, unknown] => [file, typeof state === 'string' ? state : Object.fromEntries(state)])
  const inputs = [...changes.deps, ...params]
  return [
    ...(inputs.length > 0 ? [{ 'changed deps': Object.fromEntries(inputs) }] : []),
    ...(changes.outs.size > 0 ? [{ 'changed outs': Object.fromEntries(changes.outs) }] : []),
    ...(changes.always ? ['always changed'] : []),
    ...(changes.cmd ? ['changed command'] : []),
  ]
}
