import type { CompletedPart } from '@aws-sdk/client-s3'
import { MillraceError } from '../errors/index.ts'
import type { S3 } from './s3-client.ts'

/** The least that S3 takes. At most 10,000 parts: artifacts up to 48 GiB; longer ones go up in parts past the server. */
const PART_BYTES = 5 * 1024 * 1024
const MOST_PARTS = 10_000
/** While one part is under way the next is put together; then both are. */
const BUFFERS = 2

interface Target {
  readonly Bucket: string
  readonly Key: string
}

/**
 * Puts what `content` yields as one object: nothing is to be seen of it before all is there, and nothing is left of it where it fails. Not the SDK's own
 * `Upload`, which makes two new buffers for each part: 200 MB of them wait for the garbage collector on the way. Throws what `content` and the SDK throw.
 */
export async function putObject(s3: S3, target: Target, content: AsyncIterable<Uint8Array>): Promise<void> {
  const beginning: Uint8Array[] = []
  let length = 0
  let upload: PartedUpload | undefined
  try {
    for await (const chunk of content) {
      if (upload === undefined && length + chunk.byteLength <= PART_BYTES) {
        beginning.push(chunk)
        length += chunk.byteLength
        continue
      }
      if (upload === undefined) {
        upload = await PartedUpload.begin(s3, target)
        for (const earlier of beginning.splice(0)) await upload.write(earlier)
      }
      await upload.write(chunk)
    }
    if (upload === undefined) await s3.client.send(new s3.sdk.PutObjectCommand({ ...target, Body: Buffer.concat(beginning, length) }))
    else await upload.complete()
  } catch (error) {
    await upload?.abort()
    throw error
  }
}

/** An upload in parts, with a few buffers that are filled again and again. */
class PartedUpload {
  readonly #s3: S3
  readonly #target: Target & { readonly UploadId: string }
  readonly #stop = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  readonly #done: (CompletedPart & { readonly PartNumber: number })[] = []
  readonly #free: Buffer<ArrayBuffer>[] = []
  #filling = Buffer.allocUnsafeSlow(PART_BYTES)
  #buffers = 1
  #filled = 0
  #parts = 0

  private constructor(s3: S3, target: Target & { readonly UploadId: string }) {
    this.#s3 = s3
    this.#target = target
  }

  static async begin(s3: S3, target: Target): Promise<PartedUpload> {
    const { client, sdk } = s3
    const checksums = (await client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED' ? ({ ChecksumAlgorithm: 'CRC32' } as const) : {}
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ ...target, ...checksums }))
    if (UploadId === undefined) throw new MillraceError('UPSTREAM_FAILED', `${target.Key}: S3 began an upload without saying its name`)
    return new PartedUpload(s3, { ...target, UploadId })
  }

  /** Resolves once `chunk` may be forgotten. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength; ) {
      if (this.#filled === PART_BYTES) await this.#next()
      const taken = chunk.subarray(at, at + PART_BYTES - this.#filled)
      this.#filling.set(taken, this.#filled)
      this.#filled += taken.byteLength
      at += taken.byteLength
    }
  }

  async complete(): Promise<void> {
    this.#send()
    await Promise.all(this.#underWay)
    const { client, sdk } = this.#s3
    const Parts = this.#done.toSorted((a, b) => a.PartNumber - b.PartNumber)
    await client.send(new sdk.CompleteMultipartUploadCommand({ ...this.#target, MultipartUpload: { Parts } }))
  }

  /** Never throws: what it cannot take away now, `abandonParts` does later. */
  async abort(): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled(this.#underWay)
    const { client, sdk } = this.#s3
    await client.send(new sdk.AbortMultipartUploadCommand(this.#target)).catch(() => undefined)
  }

  /** Sends what is full and waits for a buffer. Throws where a part has failed. */
  async #next(): Promise<void> {
    this.#send()
    if (this.#free.length === 0 && this.#buffers === BUFFERS) await Promise.race(this.#underWay)
    const free = this.#free.pop()
    if (free === undefined) this.#buffers++
    this.#filling = free ?? Buffer.allocUnsafeSlow(PART_BYTES)
    this.#filled = 0
  }

  #send(): void {
    const { client, sdk } = this.#s3
    const PartNumber = ++this.#parts
    if (PartNumber > MOST_PARTS) throw new MillraceError('BAD_REQUEST', `${this.#target.Key}: longer than ${MOST_PARTS} parts of ${PART_BYTES} bytes, which is the most that goes through the server; upload it in parts past it`)
    const buffer = this.#filling
    const Body = buffer.subarray(0, this.#filled)
    const sending = client.send(new sdk.UploadPartCommand({ ...this.#target, PartNumber, Body }), { abortSignal: this.#stop.signal }).then(({ ETag, ChecksumCRC32 }) => {
      this.#done.push({ PartNumber, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) })
      this.#free.push(buffer)
      this.#underWay.delete(sending)
    })
    // One that fails stays among them, for whoever waits next to find.
    sending.catch(() => undefined)
    this.#underWay.add(sending)
  }
}
