import { MillraceError } from '../../../platform/errors/index.ts'
import { isObject } from '../shapes.ts'
import { type ElementsText, type FramedTensor, describeFramed } from './received.ts'
import { Wishes } from './wishes.ts'

/** What a request says beside the elements of its tensors. */
export interface Frame {
  /** With an empty list wherever a tensor has its `data`. */
  readonly json: Readonly<Record<string, unknown>>
  readonly tensors: readonly FramedTensor[]
  readonly wishes: Wishes
}

/** A request whose elements stand apart from the rest of it. */
export interface Framed {
  readonly frame: Frame
  /** Of each tensor in turn. */
  readonly data: readonly ElementsText[]
}

const MOST_FRAME = 1024
const FRAMES = 256
/** A frame is learned from one request of so many that bring an unknown one: what never comes again is not worth more. */
const LEARN_ONE_OF = 8
const DATA = '"data":'

/**
 * Reads bodies of the protocol's JSON. What one client sends differs from request to request in the numbers alone: the rest, the frame, is read once and remembered, and of the next request
 * only the numbers are. Null for a body whose frame is not known, or that is not of the kind (a nested list, text, an error): whoever asks then reads it whole, so that there is one
 * place that judges. An answer is what JSON.parse of the whole body would give; a property test holds that.
 */
export class Frames {
  readonly #known = new Map<string, Frame>()
  #unknown = 0

  read(body: string): Framed | null {
    const cut = cutOut(body)
    if (cut === null) return null
    const frame = this.#known.get(cut.frame) ?? this.#learn(cut.frame, cut.data.length)
    if (frame === null) return null
    const data: ElementsText[] = []
    for (const text of cut.data) {
      const values = valuesOf(text)
      if (values === null) return null
      data.push({ text, values })
    }
    return { frame, data }
  }

  #learn(text: string, tensors: number): Frame | null {
    if (this.#unknown++ % LEARN_ONE_OF > 0) return null
    const frame = understand(text, tensors)
    if (!frame) return null
    // Those in use are soon learned again.
    if (this.#known.size >= FRAMES) this.#known.clear()
    this.#known.set(text, frame)
    return frame
  }
}

interface Cut {
  readonly frame: string
  readonly data: readonly string[]
}

/** Takes the flat lists of numbers out of a body, wherever one seems to be a tensor's `data`. Null where there is none, or the rest is long. */
function cutOut(body: string): Cut | null {
  const data: string[] = []
  let frame = ''
  let from = 0
  for (let at = body.indexOf(DATA); at >= 0; at = body.indexOf(DATA, from)) {
    const colon = at + DATA.length
    const open = body[colon] === ' ' ? colon + 1 : colon
    if (body[open] !== '[') return null
    const close = body.indexOf(']', open)
    if (close < 0 || frame.length + open - from > MOST_FRAME) return null
    frame += body.slice(from, open + 1)
    data.push(body.slice(open + 1, close))
    from = close
  }
  if (data.length === 0 || frame.length + body.length - from > MOST_FRAME) return null
  return { frame: frame + body.slice(from), data }
}

/**
 * The frame, where the list that was taken out `i`-th is that of the `i`-th tensor. That it is, and not one that only looks so (inside a name, among parameters, a second `data` of the
 * same tensor), shows when other elements are put in and come out there.
 */
function understand(text: string, tensors: number): Frame | null {
  const [json, ...marked] = [undefined, 0, tensors].map((mark) => parsed(mark === undefined ? text : marks(text, mark)))
  if (json === undefined || !isObject(json) || json['id'] !== undefined) return null
  for (const [round, each] of marked.entries()) {
    const inputs = isObject(each) ? each['inputs'] : undefined
    if (!Array.isArray(inputs) || inputs.length !== tensors) return null
    const found = inputs.every((input: unknown, i) => isObject(input) && Array.isArray(input['data']) && input['data'].length === 1 && input['data'][0] === round * tensors + i)
    if (!found) return null
  }
  const described = describe(json['inputs'])
  return described && { json, tensors: described, wishes: new Wishes(json) }
}

/** Null where something is wrong with one. */
function describe(inputs: unknown): readonly FramedTensor[] | null {
  try {
    return Array.isArray(inputs) ? inputs.map((input: unknown, i) => describeFramed(input, `inputs[${i}]`)) : null
  } catch (error) {
    if (error instanceof MillraceError) return null
    throw error
  }
}

function marks(frame: string, first: number): string {
  const pieces = frame.split(/("data": ?\[)(?=\])/)
  let next = first
  return pieces.map((piece, i) => (i % 2 === 1 ? `${piece}${next++}` : piece)).join('')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Null for what is no list of scalars. */
function valuesOf(text: string): readonly unknown[] | null {
  // Neither a list within the list, nor an object, nor a text that could hold the bracket at which it was cut.
  if (text.includes('"') || text.includes('[') || text.includes('{')) return null
  const values = parsed(`[${text}]`)
  return Array.isArray(values) ? values : null
}
