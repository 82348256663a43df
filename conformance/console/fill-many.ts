import { DatabaseSync } from 'node:sqlite'
import { EPOCH } from './fill.ts'

interface Many {
  readonly runs: number
  /** So many of the latest runs have more columns than the others. */
  readonly wide: number
  /** Half metrics, half parameters. */
  readonly columns: number
}

/**
 * Runs written straight into the tracking service's database, as its own statements would leave them: 100,000 over HTTP would take minutes, and how they came
 * there is no matter of the console. Figures follow from a run's number.
 */
export function fillMany(file: string, experimentId: string, { runs, wide, columns }: Many): void {
  const database = new DatabaseSync(file)
  const experiment = Number(experimentId)
  const half = Math.floor(columns / 2)
  const number = `with recursive n(i) as (select 0 union all select i + 1 from n where i < ${runs - 1})`
  const pair = `with recursive n(i) as (select ${runs - wide} union all select i + 1 from n where i < ${runs - 1}), c(k) as (select 0 union all select k + 1 from c where k < ${half - 1})`
  const id = `printf('%032x', i)`
  // From 0 to 1, without a pattern that the eye would find.
  const scatter = (seed: string): string => `(((${seed}) * 7919 + 104729) % 10007) / 10007.0`
  const metric = (key: string, value: string, step = '0'): string => `select ${id}, ${key}, ${EPOCH} + i * 1000, ${step}, round(${value}, 5), 0`
  const metrics = [`${number} ${metric("'auc'", `0.6 + 0.2 * ${scatter('i')}`)} from n`, `${number} ${metric("'log_loss'", `0.4 + 0.3 * ${scatter('i + 13')}`)} from n`, `${pair} ${metric(`printf('segment.%03d.auc', k)`, `0.5 + 0.4 * ${scatter('i * 31 + k')}`)} from n, c`]
  const into = (table: string, rows: string): void => database.exec(rows.replace(/ select (?=printf)/, ` insert into ${table} select `))
  database.exec('pragma busy_timeout = 20000; begin immediate')
  into('runs', `${number} select ${id}, ${experiment}, printf('sweep-%06d', i), '', 'FINISHED', ${EPOCH} + i * 1000, ${EPOCH} + i * 1000 + 600000, 'mlflow-artifacts:/${experiment}/' || ${id} || '/artifacts', 'active', 0 from n`)
  for (const rows of metrics) {
    into('metrics (run_id, key, timestamp, step, value, is_nan)', rows)
    into('latest_metrics (run_id, key, timestamp, step, value, is_nan, experiment_id)', rows.replace(', 0 from', `, 0, ${experiment} from`))
  }
  into('params', `${number} select ${id}, 'optimizer', case i % 4 when 0 then 'adam' when 1 then 'adamw' when 2 then 'lion' else 'sgd' end from n`)
  into('params', `${number} select ${id}, 'lr', cast(round(0.001 + 0.1 * ${scatter('i + 5')}, 4) as text) from n`)
  into('params', `${pair} select ${id}, printf('layer.%03d.units', k), cast(8 << (i + k) % 6 as text) from n, c`)
  into('run_tags', `${number} select ${id}, 'mlflow.runName', printf('sweep-%06d', i) from n`)
  into('run_tags', `${number} select ${id}, 'mlflow.user', case i % 3 when 0 then 'ada' else 'grace' end from n`)
  database.exec('commit')
  database.close()
}
