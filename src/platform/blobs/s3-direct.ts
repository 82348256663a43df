import { basename } from 'node:path/posix'
import type { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { MillraceError } from '../errors/index.ts'
import type { DirectAccess } from './port.ts'
import { type S3, answerOf, storeError } from './s3-client.ts'

interface Store {
  readonly s3: S3
  readonly bucket: string
  /** What all keys begin with. */
  readonly root: string
  readonly objectKey: (key: string) => string
  readonly checkFree: (key: string) => Promise<void>
  readonly head: (key: string) => Promise<{ readonly ContentLength?: number | undefined } | undefined>
}

const MOST_PARTS = 10_000
const LONGEST_SECONDS = 604_800
/** What S3 says of parts that it does not know, that are too small, or that come out of order. */
const WRONG_PARTS = ['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall', 'MalformedXML']

export function s3Direct({ s3: { sdk, client, signer }, bucket: Bucket, root, objectKey, checkFree, head }: Store): DirectAccess {
  const signed = async (key: string, seconds: number, sign: (by: typeof getSignedUrl, options: { readonly expiresIn: number }) => Promise<string>) => {
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_SECONDS) throw new MillraceError('BAD_REQUEST', `expiration must be between 1 and ${LONGEST_SECONDS} seconds (got ${seconds}).`)
    const presigner = await import('@aws-sdk/s3-request-presigner')
    try {
      return { url: await sign(presigner.getSignedUrl, { expiresIn: seconds }), headers: {} }
    } catch (error) {
      throw storeError(error, `signing an address for ${key}`)
    }
  }
  return {
    signGet: async (key, seconds) => {
      const Key = objectKey(key)
      const found = await head(key)
      if (found === undefined) throw new MillraceError('NOT_FOUND', `${key}: there is no such file`)
      // As the proxy sends artifacts: no browser shows or runs them.
      const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(basename(key)).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`
      const command = new sdk.GetObjectCommand({ Bucket, Key, ResponseContentType: 'application/octet-stream', ResponseContentDisposition: disposition })
      return { ...(await signed(key, seconds, (sign, options) => sign(signer, command, options))), size: found.ContentLength ?? 0 }
    },
    signPut: async (key, seconds) => {
      const Key = objectKey(key)
      await checkFree(key)
      return signed(key, seconds, (sign, options) => sign(signer, new sdk.PutObjectCommand({ Bucket, Key }), options))
    },
    beginParts: async (key, parts, seconds) => {
      if (!Number.isInteger(parts) || parts < 1 || parts > MOST_PARTS) throw new MillraceError('BAD_REQUEST', `num_parts must be between 1 and ${MOST_PARTS} (got ${parts}).`)
      const Key = objectKey(key)
      await checkFree(key)
      try {
        const { UploadId } = await signer.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }))
        if (UploadId === undefined) throw new MillraceError('UPSTREAM_FAILED', `${key}: S3 began an upload without saying its name`)
        const all = Array.from({ length: parts }, (_, i) => signed(key, seconds, (sign, options) => sign(signer, new sdk.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: i + 1 }), options)))
        return { uploadId: UploadId, parts: await Promise.all(all) }
      } catch (error) {
        throw storeError(error, `beginning an upload of ${key}`)
      }
    },
    completeParts: async (key, uploadId, parts) => {
      const Parts = parts.toSorted((a, b) => a.number - b.number).map(({ number, etag }) => ({ PartNumber: number, ETag: etag }))
      try {
        await signer.send(new sdk.CompleteMultipartUploadCommand({ Bucket, Key: objectKey(key), UploadId: uploadId, MultipartUpload: { Parts } }))
      } catch (error) {
        const name = answerOf(error)?.name ?? ''
        if (name === 'NoSuchUpload') throw new MillraceError('NOT_FOUND', `${key}: there is no such upload, or it has ended`, { cause: error })
        if (WRONG_PARTS.includes(name)) throw new MillraceError('BAD_REQUEST', `${key}: the parts are not those that were uploaded (${name})`, { cause: error })
        throw storeError(error, `completing the upload of ${key}`)
      }
    },
    abortParts: async (key, uploadId) => {
      try {
        await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key: objectKey(key), UploadId: uploadId }))
      } catch (error) {
        if (answerOf(error)?.name !== 'NoSuchUpload') throw storeError(error, `aborting the upload of ${key}`)
      }
    },
    abandonParts: async (before) => {
      let count = 0
      try {
        for (let at: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
          const page = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: root, ...at }))
          for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
            if (Initiated === undefined || Initiated >= before || Key === undefined) continue
            await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
            count++
          }
          if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return count
          at = { KeyMarker: page.NextKeyMarker, ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }) }
        }
      } catch (error) {
        throw storeError(error, 'removing unfinished uploads')
      }
    },
  }
}
