import type { IncomingHttpHeaders } from 'node:http'
import { MillraceError } from '../../../platform/errors/index.ts'
import { TextCount } from '../bounds.ts'
import { parseJson } from '../json.ts'
import type { ReceivedBody } from '../protocol.ts'
import { fixedType } from '../../runtime/tensor/datatypes.ts'
import type { TensorSpec } from '../../runtime/tensor/spec.ts'
import { badRequest, isObject } from '../shapes.ts'

const HEADER_LENGTH = 'inference-header-content-length'

/** The JSON of a request, and the raw tensors that follow it. */
export interface Received {
  readonly json: unknown
  readonly rest: Buffer
}

/** The input of a model that has no other. */
export interface OnlyInput extends TensorSpec {
  /** Whether the first axis is known to be a batch: then a raw request is one of it, as Triton has it. */
  readonly batched: boolean
}

/**
 * Splits a body of the binary extension: `Inference-Header-Content-Length` bytes of JSON, then the raw tensors in the order of the inputs. Without that
 * header the body is JSON alone. A length of 0 says that the body is the one raw tensor of a model with one input.
 */
export function splitBody({ bytes, headers }: Pick<ReceivedBody, 'bytes' | 'headers'>, inputOf: () => OnlyInput | undefined, exact: boolean): Received {
  const length = jsonBytes(headers)
  if (length === undefined) return { json: parseJson(bytes, exact), rest: bytes.subarray(bytes.length) }
  if (!(length <= bytes.length)) throw badRequest(`Inference-Header-Content-Length is ${String(headers[HEADER_LENGTH])}, expected 0 … ${bytes.length}, the length of the body`)
  if (length > 0) return { json: parseJson(bytes.subarray(0, length), exact), rest: bytes.subarray(length) }
  const onlyInput = inputOf()
  if (!onlyInput || onlyInput.datatype === 'BYTES') throw badRequest('Inference-Header-Content-Length is 0, which only a model with one input, of numbers, takes')
  const { name, datatype } = onlyInput
  return { json: { inputs: [{ name, datatype, shape: shapeOfRaw(onlyInput, bytes.length), parameters: { binary_data_size: bytes.length } }] }, rest: bytes }
}

/**
 * The shape that a raw tensor of so many bytes has where nothing says it: the model's, with what is left for the one dimension that may have any size. Where two may, and
 * the first is a batch, it is a batch of one.
 */
function shapeOfRaw({ name, datatype, shape, batched }: OnlyInput, bytes: number): readonly number[] {
  const free = shape.filter((size) => size === -1).length
  const sizes = free === 2 && batched ? [1, ...shape.slice(1)] : shape
  const expected = `input ${name}, ${datatype} [${shape.join(', ')}]`
  if (sizes.filter((size) => size === -1).length > 1) {
    throw badRequest(`Inference-Header-Content-Length is 0, and ${expected} has ${free} dimensions of any size: the shape cannot be told from ${bytes} bytes; send it in JSON before them`)
  }
  const one = sizes.reduce((product, size) => (size === -1 ? product : product * size), fixedType(datatype)?.bytes ?? 1)
  const count = bytes / one
  if (sizes.includes(-1) ? !Number.isInteger(count) : count !== 1) {
    throw badRequest(`the body has ${bytes} bytes, expected ${sizes.includes(-1) ? 'a multiple of ' : ''}${one} for ${expected}`)
  }
  return sizes.map((size) => (size === -1 ? count : size))
}

/** What the header says of the JSON's length: NaN where it is no number, undefined where there is no such header. */
export function jsonBytes(headers: IncomingHttpHeaders): number | undefined {
  const header = headers[HEADER_LENGTH]
  if (header === undefined) return undefined
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN
}

/** Gives out the raw tensors, one after the other. */
export class RawTensors {
  readonly #bytes: Buffer
  #at = 0
  /** Of those that are text. */
  readonly texts = new TextCount()

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The next `size` bytes. */
  take(size: number, where: string): Buffer {
    const end = this.#at + size
    if (end > this.#bytes.length) throw badRequest(`${where}.parameters.binary_data_size is ${size}, ${this.#bytes.length - this.#at} bytes are left of the body`)
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  /** Throws where bytes are left that no tensor claimed. */
  end(): void {
    const left = this.#bytes.length - this.#at
    if (left > 0) throw badRequest(`${left} bytes follow the last tensor`)
  }
}

/** `parameters` of a request, an input or an output. */
export function parametersOf(holder: Readonly<Record<string, unknown>>, where: string): Readonly<Record<string, unknown>> {
  const { parameters } = holder
  if (parameters === undefined || parameters === null) return {}
  if (isObject(parameters)) return parameters
  throw badRequest(`${where}parameters: expected an object`)
}

export function binarySize(parameters: Readonly<Record<string, unknown>>, where: string): number | undefined {
  const size = parameters['binary_data_size']
  if (size === undefined) return undefined
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size
  throw new MillraceError('BAD_REQUEST', `${where}.parameters.binary_data_size is ${JSON.stringify(size)}, expected a number of bytes`)
}
