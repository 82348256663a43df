import { Readable } from 'node:stream'
import { MillraceError, errnoCode, toMillraceError } from '../errors/index.ts'
import { checkKey } from './key.ts'
import type { BlobEntry, Blobs } from './port.ts'
import { freeReceived } from './received.ts'
import { type Environment, type S3, answerOf, isMissing, loadS3, storeError } from './s3-client.ts'
import { s3Direct } from './s3-direct.ts'
import { putObject } from './s3-upload.ts'

/** Without a slash at the end of `prefix`, which may be empty: the bucket itself. */
export interface S3Place {
  readonly bucket: string
  readonly prefix: string
}

/** S3's limit for a key, in bytes. */
const LONGEST_KEY = 1024

/** `s3://BUCKET/PREFIX`; undefined for what is no such address. Throws CONFIG_INVALID for one that is malformed. */
export function parseS3(address: string): S3Place | undefined {
  if (!address.startsWith('s3://')) return undefined
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(address) ?? []
  const prefix = path.replace(/\/+$/, '')
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw new MillraceError('CONFIG_INVALID', `storage.artifacts: found ${address}, expected s3://BUCKET or s3://BUCKET/PREFIX`)
  if (prefix !== '') {
    try {
      checkKey(prefix)
    } catch (error) {
      throw new MillraceError('CONFIG_INVALID', `storage.artifacts: found ${address}, whose prefix no key can begin with`, { cause: error })
    }
  }
  return { bucket, prefix }
}

/**
 * Blobs as objects of an S3 bucket, all below one prefix. S3 itself makes each put atomic and durable; what it does not know are folders: that no blob stands
 * above or below another is asked before a put, so two puts at the same moment, one below the other, may both be done. What a killed process
 * left unfinished is never visible; `direct.abandonParts` removes it.
 *
 * Throws CONFIG_INVALID for a bucket that is not there or not ours. A store that does not answer now may do so later, and is no error yet.
 */
export async function openS3Blobs(place: S3Place, environment: Environment = process.env): Promise<Blobs> {
  const s3 = await loadS3(environment)
  await check(s3, place)
  const { client, sdk } = s3
  const Bucket = place.bucket
  const root = place.prefix === '' ? '' : `${place.prefix}/`
  const objectKey = (key: string): string => {
    const whole = `${root}${checkKey(key)}`
    if (Buffer.byteLength(whole) > LONGEST_KEY) throw new MillraceError('PATH_OUTSIDE_ROOT', `${JSON.stringify(key.slice(0, 200))}: with the prefix of the store it is longer than ${LONGEST_KEY} bytes`)
    return whole
  }
  const head = async (key: string) => {
    try {
      return await client.send(new sdk.HeadObjectCommand({ Bucket, Key: objectKey(key) }))
    } catch (error) {
      if (isMissing(error)) return undefined
      throw storeError(error, key)
    }
  }
  const isFolder = async (key: string): Promise<boolean> => {
    try {
      const { KeyCount = 0 } = await client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: `${objectKey(key)}/`, MaxKeys: 1 }))
      return KeyCount > 0
    } catch (error) {
      throw storeError(error, key)
    }
  }
  const checkFree = async (key: string): Promise<void> => {
    objectKey(key)
    const parents = key.split('/').slice(0, -1).map((_, i, all) => all.slice(0, i + 1).join('/'))
    const [folder, ...above] = await Promise.all([isFolder(key), ...parents.map(head)])
    if (folder) throw new MillraceError('CONFLICT', `${key} is a folder`)
    if (above.some((found) => found !== undefined)) throw new MillraceError('CONFLICT', `${key}: a part of its path is a file`)
  }
  /** Pages of what lies below a folder; with `/`, of what lies right below it. */
  const pages = async function* (prefix: string, delimiter?: '/') {
    for (let token: string | undefined; ; ) {
      const page = await client.send(
        new sdk.ListObjectsV2Command({ Bucket, Prefix: prefix, ...(delimiter === undefined ? {} : { Delimiter: delimiter }), ...(token === undefined ? {} : { ContinuationToken: token }) }),
      )
      yield page
      token = page.NextContinuationToken
      if (page.IsTruncated !== true || token === undefined) return
    }
  }

  return {
    put: async (key, content) => {
      await checkFree(key)
      const source = countedSource(content)
      try {
        await putObject(s3, { Bucket, Key: objectKey(key) }, source.chunks())
        return { size: source.size() }
      } catch (error) {
        throw source.failure() ?? storeError(error, `storing ${key}`)
      }
    },
    get: async (key) => {
      try {
        const { Body, ContentLength } = await client.send(new sdk.GetObjectCommand({ Bucket, Key: objectKey(key) }))
        if (!(Body instanceof Readable) || ContentLength === undefined) throw new MillraceError('UPSTREAM_FAILED', `${key}: S3 answered without the content`)
        freeReceived(Body)
        return { size: ContentLength, body: Body }
      } catch (error) {
        if (answerOf(error)?.name === 'NoSuchKey') throw new MillraceError('NOT_FOUND', `${key}: there is no such file`, { cause: error })
        throw storeError(error, `reading ${key}`)
      }
    },
    stat: async (key) => {
      const name = checkKey(key).split('/').at(-1) ?? ''
      const found = await head(key)
      if (found !== undefined) return { name, folder: false, size: found.ContentLength ?? 0 }
      return (await isFolder(key)) ? { name, folder: true } : undefined
    },
    list: async (folder) => {
      const prefix = folder === '' ? root : `${objectKey(folder)}/`
      const children = new Map<string, BlobEntry>()
      const add = (name: string, entry: BlobEntry): void => {
        // What others put there under keys that are none of ours, such as markers of empty folders, is not ours to show.
        if (isName(name)) children.set(name, entry)
      }
      try {
        for await (const { CommonPrefixes = [], Contents = [] } of pages(prefix, '/')) {
          for (const { Prefix = '' } of CommonPrefixes) {
            const name = Prefix.slice(prefix.length, -1)
            add(name, { name, folder: true })
          }
          for (const { Key = '', Size = 0 } of Contents) {
            const name = Key.slice(prefix.length)
            add(name, { name, folder: false, size: Size })
          }
        }
      } catch (error) {
        throw storeError(error, `listing ${folder}`)
      }
      return [...children.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    delete: async (key) => {
      const whole = objectKey(key)
      try {
        await client.send(new sdk.DeleteObjectCommand({ Bucket, Key: whole }))
        for await (const { Contents = [] } of pages(`${whole}/`)) {
          if (Contents.length === 0) continue
          const { Errors = [] } = await client.send(new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })), Quiet: true } }))
          const [first] = Errors
          if (first !== undefined) throw new MillraceError('UPSTREAM_FAILED', `deleting ${key}: S3 kept ${Errors.length} objects, ${first.Key}: ${first.Code} ${first.Message}`)
        }
      } catch (error) {
        throw storeError(error, `deleting ${key}`)
      }
    },
    direct: s3Direct({ s3, bucket: Bucket, root, objectKey, checkFree, head }),
  }
}

async function check({ client, sdk }: S3, { bucket, prefix }: S3Place): Promise<void> {
  try {
    await client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix === '' ? '' : `${prefix}/`, MaxKeys: 1 }))
  } catch (error) {
    const answer = answerOf(error)
    const wrong = new MillraceError('CONFIG_INVALID', `storage.artifacts: the bucket ${bucket} cannot be used: ${storeError(error, 'listing it').message}`, { cause: error })
    // Definite: it will not go away by waiting. The SDK names what it cannot find, such as credentials or a region, in errors without an answer.
    if (answer !== undefined && answer.status !== undefined && answer.status < 500) throw wrong
    if (answer === undefined && errnoCode(error) === undefined) throw wrong
  }
}

/** Counts what passes and remembers how the source failed, which is not the store's failure. */
function countedSource(content: Uint8Array | AsyncIterable<Uint8Array>) {
  let size = 0
  let failure: MillraceError | undefined
  const chunks = async function* (): AsyncIterable<Uint8Array> {
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) {
        size += chunk.byteLength
        if (chunk.byteLength > 0) yield chunk
      }
    } catch (error) {
      const code = errnoCode(error)
      failure =
        code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' ? new MillraceError('CANCELLED', 'the upload broke off; nothing was stored', { cause: error }) : toMillraceError(error, 'reading what is to be stored')
      throw error
    }
  }
  return { chunks, size: () => size, failure: () => failure }
}

function isName(name: string): boolean {
  try {
    return name !== '' && !name.includes('/') && checkKey(name) === name
  } catch (error) {
    if (error instanceof MillraceError) return false
    throw error
  }
}
