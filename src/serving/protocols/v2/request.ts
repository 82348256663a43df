import { MillraceError } from '../../../platform/errors/index.ts'
import { parseJson } from '../json.ts'
import type { ReceivedBody } from '../protocol.ts'
import { badRequest, isObject } from '../shapes.ts'

export const HEADER_LENGTH = 'inference-header-content-length'

/** The JSON of a request, and the raw tensors that follow it. */
export interface Received {
  readonly json: unknown
  readonly rest: Buffer
}

/**
 * Splits a body of the binary extension: `Inference-Header-Content-Length` bytes of JSON, then the raw tensors in the order of the inputs. Without that
 * header the body is JSON alone. A length of 0 says that the body is the one raw tensor of a model with one input.
 */
export function splitBody({ bytes, headers }: ReceivedBody, onlyInput: { readonly name: string; readonly datatype: string } | undefined, exact: boolean): Received {
  const header = headers[HEADER_LENGTH]
  if (header === undefined) return { json: parseJson(bytes, exact), rest: bytes.subarray(bytes.length) }
  const length = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN
  if (!(length <= bytes.length)) throw badRequest(`Inference-Header-Content-Length is ${String(header)}, expected 0 … ${bytes.length}, the length of the body`)
  if (length > 0) return { json: parseJson(bytes.subarray(0, length), exact), rest: bytes.subarray(length) }
  if (!onlyInput || onlyInput.datatype === 'BYTES') throw badRequest('Inference-Header-Content-Length is 0, which only a model with one input, of numbers, takes')
  const { name, datatype } = onlyInput
  const rows = bytes.length / (datatype === 'BOOL' ? 1 : 8)
  const input = { name, datatype, shape: [rows], parameters: { binary_data_size: bytes.length } }
  return { json: { inputs: [input] }, rest: bytes }
}

/** Gives out the raw tensors, one after the other. */
export class RawTensors {
  readonly #bytes: Buffer
  #at = 0

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
