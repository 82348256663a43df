/** The race in CSS pixels: a closed channel with rounded corners, five stations along its top (left to right) and five along its bottom (right to left). */
export interface Race {
  readonly width: number
  readonly height: number
  /** From the border to the channel's middle line. */
  readonly edge: number
  /** SVG path of the channel's middle line, closed, from the first station on in the direction of the flow. */
  readonly path: string
  readonly length: number
  /** Lines within the channel, along which the light on the water runs. */
  readonly ripples: readonly string[]
  readonly stations: readonly Station[]
  readonly wheel: { readonly x: number; readonly y: number; readonly radius: number }
}

export interface Station {
  readonly x: number
  readonly y: number
  /** How far along the path, in pixels. */
  readonly at: number
}

const CHANNEL = 30
const MARGIN = 26
const COLUMNS = 5
const RIPPLES = [-10.5, -6, -1, 4.5, 9.5]

export function layOutRace(width: number, height: number): Race {
  const [left, right, top, bottom] = [MARGIN, width - MARGIN, MARGIN, height - MARGIN]
  const column = width / COLUMNS
  // The corners end before the first station, which sits in the middle of its column.
  const radius = Math.max(8, Math.min(86, column / 2 - MARGIN - CHANNEL / 2, (bottom - top) / 2))
  const xs = Array.from({ length: COLUMNS }, (_, i) => column * (i + 0.5))
  const first = xs[0] ?? 0
  const arc = (Math.PI / 2) * radius
  const side = bottom - top - 2 * radius
  const toBottom = right - radius - first + arc + side + arc
  const stations: Station[] = [
    ...xs.map((x) => ({ x, y: top, at: x - first })),
    ...xs.toReversed().map((x) => ({ x, y: bottom, at: toBottom + (right - radius - x) })),
  ]
  /** The closed line at `inset` from the channel's middle, positive inwards. */
  const line = (inset: number): string => {
    const r = radius - inset
    const corner = (x: number, y: number): string => `A${r} ${r} 0 0 1 ${x} ${y}`
    return [
      `M${first} ${top + inset}`,
      `H${right - radius}`,
      corner(right - inset, top + radius),
      `V${bottom - radius}`,
      corner(right - radius, bottom - inset),
      `H${left + radius}`,
      corner(left + inset, bottom - radius),
      `V${top + radius}`,
      corner(left + radius, top + inset),
      'Z',
    ].join('')
  }
  const length = 2 * (right - left - 2 * radius) + 2 * side + 4 * arc
  // The wheel dips its paddles into the flow above and below it: both turn it the same way.
  return { width, height, edge: MARGIN, path: line(0), length, ripples: RIPPLES.map(line), stations, wheel: { x: width / 2, y: height / 2, radius: (bottom - top) / 2 - CHANNEL / 2 + 5 } }
}

/** How far the water has come: to the last station that has anything to tell, or all the way round once the loop was closed. */
export function waterLength(race: Race, states: readonly string[], closed: boolean): number {
  if (closed) return race.length
  const last = states.findLastIndex((state) => state !== 'waiting')
  const station = race.stations[last]
  return station === undefined ? 0 : Math.max(station.at, 1)
}
