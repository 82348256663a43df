import Type from 'typebox'
import { VERSION } from '../../platform/version.ts'
import type { TrainingContext } from '../context.ts'
import { type Endpoint, endpoint } from '../mlflow/routes.ts'

/** The release of MLflow whose REST API this is. Clients compare it with their own. */
export const MLFLOW_VERSION = '3.17.2'

/** What clients ask before they choose how to upload and which features to use. */
export function serverInfoEndpoints({ blobs }: TrainingContext): readonly Endpoint[] {
  const direct = blobs.direct !== undefined
  return [
    endpoint('GET', '/3.0/mlflow/server-info', Type.Object({}), async () => ({
      store_type: 'SqlStore',
      workspaces_enabled: false,
      trace_archival_enabled: false,
      multipart_uploads_enabled: direct,
      multipart_downloads_enabled: direct,
      presigned_upload_run_id_supported: direct,
      presigned_upload_model_id_supported: direct,
      server: `millrace/${VERSION}`,
    })),
  ]
}
