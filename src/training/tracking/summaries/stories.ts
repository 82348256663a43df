import type { ServiceUnderTest } from '../../testing.ts'

const invalid = { error_code: 'INVALID_PARAMETER_VALUE' }
const summary = (experiment: string, rest = '') => `GET /api/2.0/millrace/runs/summary?experiment_ids=${experiment}${rest}`

export function summaryStories({ story }: ServiceUnderTest): void {
  const run = (start: number, optimizer: string | undefined, auc: number) => [
    { does: `run ${start} starts`, request: 'POST runs/create', body: { experiment_id: '{e}', user_id: start < 3 ? 'ada' : 'grace', start_time: start, tags: [{ key: 'kind', value: 'a' }] }, keeps: { [`r${start}`]: 'run.info.run_id' } },
    { does: 'and logs', request: 'POST runs/log-batch', body: { run_id: `{r${start}}`, metrics: [{ key: 'auc', value: auc, timestamp: 1 }], params: optimizer === undefined ? [] : [{ key: 'optimizer', value: optimizer }] } },
  ]
  story([
    { does: 'an experiment', request: 'POST experiments/create', body: { name: 'summarized' }, keeps: { e: 'experiment_id' } },
    { does: 'without runs has none', request: summary('{e}', '&columns=true'), holds: { count: 0, columns: { metrics: [], params: [], tags: [] } } },
    ...run(1, 'adam', 0.5),
    ...run(2, 'sgd', 0.6),
    ...run(3, 'adam', 0.7),
    ...run(4, undefined, 0.8),
    { does: 'its runs are counted', request: summary('{e}'), holds: { count: 4 }, lacks: 'groups' },
    { does: 'those that a filter leaves', request: summary('{e}', "&filter=metrics.auc %3E 0.55 AND tags.kind %3D 'a'"), holds: { count: 3 } },
    { does: 'by a param, with those that have none', request: summary('{e}', '&group_by=params.optimizer'), holds: { groups: [{ value: 'adam', count: 2 }, { count: 1 }, { count: 1 }] } },
    { does: 'by an attribute', request: summary('{e}', '&filter=metrics.auc %3E 0.55&group_by=attributes.user_id'), holds: { count: 3, groups: [{ value: 'grace', count: 2 }, { value: 'ada', count: 1 }] } },
    { does: 'by a tag', request: summary('{e}', '&group_by=tags.kind'), holds: { groups: [{ value: 'a', count: 4 }] } },
    { does: 'a deleted run', request: 'POST runs/delete', body: { run_id: '{r4}' } },
    { does: 'is counted no more', request: summary('{e}'), holds: { count: 3 } },
    { does: 'but where it is asked for', request: summary('{e}', '&run_view_type=DELETED_ONLY'), holds: { count: 1 } },
    { does: 'the keys of its runs are listed', request: summary('{e}', '&columns=true'), holds: { columns: { metrics: ['auc'], params: ['optimizer'], tags: ['kind', 'mlflow.runName'] } } },
    { does: 'another experiment has its own', request: summary('0', '&group_by=params.optimizer&columns=true'), holds: { count: 0, groups: [], columns: { metrics: [], params: [] } } },
    { does: 'no experiment is nothing', request: `GET /api/2.0/millrace/runs/summary?group_by=params.optimizer`, holds: { count: 0, groups: [] } },
    { does: 'a filter that is none is refused at its character', request: summary('{e}', "&filter=metrics.auc %3E 'x'"), status: 400, holds: { ...invalid, message: /at character 15/ } },
    { does: 'as are groups by a metric', request: summary('{e}', '&group_by=metrics.auc'), status: 400, holds: { ...invalid, message: /expected a param, a tag/ } },
    { does: 'or by what would be SQL', request: summary('{e}', '&group_by=params.`x` or 1%3D1'), status: 400, holds: invalid },
  ])
}
