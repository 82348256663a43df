import type { ServiceUnderTest } from '../../testing.ts'

const invalid = { error_code: 'INVALID_PARAMETER_VALUE' }

export function datasetStories({ story }: ServiceUnderTest): void {
  const use = (name: string, context?: string) => ({ tags: context === undefined ? [] : [{ key: 'mlflow.data.context', value: context }], dataset: { name, digest: 'd', source_type: 'local', source: '{}' } })
  const search = 'POST experiments/search-datasets'
  story([
    { does: 'a run uses data sets', request: 'POST runs/create', body: { experiment_id: '0' }, keeps: { one: 'run.info.run_id' } },
    { does: 'as does another', request: 'POST runs/create', body: { experiment_id: '0' }, keeps: { two: 'run.info.run_id' } },
    { does: 'for training', request: 'POST runs/log-inputs', body: { run_id: '{one}', datasets: [use('flights', 'training'), use('weather')] } },
    { does: 'and for evaluation', request: 'POST runs/log-inputs', body: { run_id: '{two}', datasets: [use('flights', 'eval')] } },
    { does: 'each is listed once for each context', request: search, body: { experiment_ids: ['0'] }, holds: { dataset_summaries: [
      { experiment_id: '0', name: 'flights', digest: 'd', context: 'eval' },
      { experiment_id: '0', name: 'flights', digest: 'd', context: 'training' },
      { experiment_id: '0', name: 'weather', digest: 'd' },
    ] } },
    { does: 'under MLflow\'s other path too', request: 'POST /ajax-api/2.0mlflow/experiments/search-datasets', body: { experiment_ids: ['0'] }, holds: { dataset_summaries: [{}, {}, {}] } },
    { does: 'an experiment without runs has none', request: search, body: { experiment_ids: ['77'] }, holds: { dataset_summaries: [] } },
    { does: 'no experiment is refused', request: search, body: {}, status: 400, holds: { ...invalid, message: /at least one experiment_id/ } },
    { does: 'as are too many', request: search, body: { experiment_ids: Array.from({ length: 21 }, (_, i) => String(i)) }, status: 400, holds: { ...invalid, message: /more than 20.*21/ } },
    { does: 'as is what is no id', request: search, body: { experiment_ids: ["0') or ('1'='1"] }, status: 400, holds: invalid },
  ])
}
