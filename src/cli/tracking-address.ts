import { MillraceError } from '../platform/errors/index.ts'

/** Where a command finds the tracking service when it is told: `--tracking`, else MLFLOW_TRACKING_URI; undefined where neither is given. */
export function trackingAddress(given: string | undefined): string | undefined {
  const address = given ?? process.env['MLFLOW_TRACKING_URI']
  if (address === undefined || address === '') return undefined
  if (/^https?:\/\//.test(address)) return address.replace(/\/+$/, '')
  throw new MillraceError('USAGE', `tracking address: found ${JSON.stringify(address)}, expected http://… or https://…`)
}
