import { type Interval, type Sums, meanInterval } from './confidence-sequence.ts'

/**
 * Scores are kept so far from 0 and 1 when versions are compared. The sequence needs losses that are bounded, and the bound is what a single row may weigh: at
 * 0.01 a certain mistake costs 4.6.
 */
const FLOOR = 0.01
const GREATEST_LOSS = -Math.log(FLOOR)
const LEAST_LOSS = -Math.log(1 - FLOOR)
/** A loss of one row is expected to be that of a coin; only how narrow the interval is depends on it. */
const GUESSED_LOSS = Math.LN2
/** Of two losses. */
const GREATEST_GAIN = GREATEST_LOSS - LEAST_LOSS

/** −ln of the probability given to what happened, with that probability kept within [0.01, 0.99]. */
export function boundedLogLoss(score: number, label: number): number {
  const p = Math.min(1 - FLOOR, Math.max(FLOOR, score))
  return -Math.log(label === 1 ? p : 1 - p)
}

/** Sums that values are added to. `centre` is what `squares` are taken around. */
export class Tally implements Sums {
  count = 0
  sum = 0
  squares = 0
  readonly #centre: number

  constructor(centre: number) {
    this.#centre = centre
  }

  add(value: number): void {
    this.count++
    this.sum += value
    this.squares += (value - this.#centre) ** 2
  }

  get mean(): number {
    return this.sum / this.count
  }
}

/** Gains of one version over another on the same rows: loss of the one less loss of the other. */
export function pairedGains(): Tally {
  return new Tally(0)
}

/** Losses of one version. */
export function losses(): Tally {
  return new Tally(GUESSED_LOSS)
}

/** Holds the mean gain at every look with probability 1 − alpha. */
export function pairedInterval(gains: Sums, alpha: number): Interval {
  return meanInterval(gains, { alpha, centre: 0, reach: GREATEST_GAIN })
}

/** The same for versions that answered different rows: each has an interval of its own at half the alpha, and the gain lies between their far ends. */
export function unpairedInterval(champion: Sums, candidate: Sums, alpha: number): Interval {
  const terms = { alpha: alpha / 2, centre: GUESSED_LOSS, reach: GREATEST_LOSS - GUESSED_LOSS }
  const [a, b] = [meanInterval(champion, terms), meanInterval(candidate, terms)]
  return { lower: a.lower - b.upper, upper: a.upper - b.lower }
}
