import { ApiError, type Transport } from '../../../../sdk/http.ts'
import type { Experiment } from '../../../api/tracking.ts'
import type { Totals } from './port.ts'

const API = '/api/2.0/mlflow'
/** Experiments of one search; a filter of many thousands is refused by some databases. */
const AT_ONCE = 200

/** How much a server holds, for an estimate. Ours says so; MLflow's is asked for single rows far away until there are none: its page tokens are offsets. */
export async function totalsOf(transport: Transport, experiments: AsyncIterable<Experiment>): Promise<Totals | undefined> {
  try {
    return await transport.json<Totals>('GET', '/api/2.0/millrace/import/totals')
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
  }
  const ids: string[] = []
  for await (const { experiment_id } of experiments) ids.push(experiment_id)
  const totals = { experiments: ids.length, runs: 0, models: 0 }
  try {
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const chunk = ids.slice(at, at + AT_ONCE)
      totals.runs += await countRows(async (token) => {
        const body = { experiment_ids: chunk, run_view_type: 'ALL', max_results: 1, page_token: token }
        return ((await transport.json<{ runs?: readonly unknown[] }>('POST', `${API}/runs/search`, { body })).runs ?? []).length > 0
      })
    }
    return totals
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return undefined
    throw error
  }
}

/** The number of rows, in about twice its binary logarithm of questions. `has` says whether there is a row at an offset. */
async function countRows(has: (token: string | undefined) => Promise<boolean>): Promise<number> {
  const at = (offset: number) => has(offset === 0 ? undefined : Buffer.from(JSON.stringify({ offset })).toString('base64'))
  if (!(await at(0))) return 0
  let below = 0
  let above = 1
  while (await at(above)) {
    below = above
    above *= 2
  }
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2)
    if (await at(middle)) below = middle
    else above = middle
  }
  return above
}
