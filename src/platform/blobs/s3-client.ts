import type * as Sdk from '@aws-sdk/client-s3'
import { MillraceError, errnoCode, errorMessage } from '../errors/index.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What the driver needs of the SDK, loaded when a store is S3 and not before: it takes some 30 MB. */
export interface S3 {
  readonly sdk: typeof Sdk
  readonly client: Sdk.S3Client
  /** For addresses that clients are given: they send no checksum that could have been signed. */
  readonly signer: Sdk.S3Client
}

export async function loadS3(environment: Environment): Promise<S3> {
  const sdk = await import('@aws-sdk/client-s3')
  const options = clientOptions(environment)
  return { sdk, client: new sdk.S3Client(options), signer: new sdk.S3Client({ ...options, requestChecksumCalculation: 'WHEN_REQUIRED' }) }
}

/**
 * The names of the environment that boto and MLflow know and the SDK for JavaScript does not. It finds credentials, profiles and roles itself. A store that
 * is not Amazon's has no host names by bucket and no regions, unless told otherwise.
 */
export function clientOptions(environment: Environment): Sdk.S3ClientConfig {
  const named = (name: string): string | undefined => (environment[name] === '' ? undefined : environment[name])
  const endpoint = named('MLFLOW_S3_ENDPOINT_URL') ?? named('AWS_ENDPOINT_URL_S3') ?? named('AWS_ENDPOINT_URL')
  const region = named('AWS_REGION') ?? named('AWS_DEFAULT_REGION') ?? (endpoint === undefined ? undefined : 'us-east-1')
  const addressing = named('MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE') ?? 'auto'
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    forcePathStyle: addressing === 'path' || (addressing === 'auto' && endpoint !== undefined),
    followRegionRedirects: true,
    // Bytes of an artifact may wait for a slow client as long as the client's own connection may be silent.
    requestHandler: { connectionTimeout: 10_000, socketTimeout: 300_000 },
  }
}

interface Answer {
  readonly name: string
  readonly status: number | undefined
}

/** The error that the store answered with; undefined where it did not answer. */
export function answerOf(error: unknown): Answer | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata as { readonly httpStatusCode?: number }
  return metadata.httpStatusCode === undefined ? undefined : { name: error.name, status: metadata.httpStatusCode }
}

export function isMissing(error: unknown): boolean {
  return answerOf(error)?.status === 404
}

/** What went wrong between us and the store, in our words. */
export function storeError(error: unknown, what: string): MillraceError {
  if (error instanceof MillraceError) return error
  const answer = answerOf(error)
  if (answer?.name === 'NoSuchBucket') return new MillraceError('UPSTREAM_FAILED', `${what}: S3 has no such bucket`, { cause: error })
  if (answer !== undefined) return new MillraceError('UPSTREAM_FAILED', `${what}: S3 answered ${answer.status} ${answer.name}: ${errorMessage(error)}`, { cause: error })
  return new MillraceError('UPSTREAM_FAILED', `${what}: S3 could not be asked: ${errnoCode(error) ?? ''} ${errorMessage(error)}`.replace(':  ', ': '), { cause: error })
}
