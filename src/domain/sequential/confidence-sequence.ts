import { logGamma, upperGamma } from '../drift/gamma.ts'

/** What a confidence sequence needs to know of the values so far. Sums, so the order in which values came does not matter. */
export interface Sums {
  readonly count: number
  readonly sum: number
  /** Of (value − centre)². */
  readonly squares: number
}

export interface Interval {
  readonly lower: number
  readonly upper: number
}

export interface SequenceTerms {
  /** Probability that the interval misses the mean at any look at all, both sides together. */
  readonly alpha: number
  /** Chosen before the first value; the nearer to the mean, the narrower the interval. */
  readonly centre: number
  /** Every value is within `reach` of the centre. */
  readonly reach: number
}

/** The sum of squares, in units of reach², at which the interval is narrowest for its count. Any positive number is valid. */
const OPTIMAL_SQUARES = 2

/**
 * An interval that holds the mean at every look with probability 1 − alpha: one may look after each value, stop when one likes, and go on. The mean is that of
 * the values' conditional expectations given all before them, so values need not be independent nor alike: a model may be better in one week and worse in the next.
 *
 * Method: the empirical-Bernstein confidence sequence of Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
 * Annals of Statistics 49(2), 2021, 10.1214/20-AOS1991: theorem 4 with a constant for the predictable guess of each value (so only sums are kept), and the
 * gamma-exponential mixture of proposition 9 as boundary. Its use for two forecasters: Choe, Ramdas, "Comparing sequential forecasters", Operations
 * Research, 2023, 10.1287/opre.2021.0792.
 */
export function meanInterval({ count, sum, squares }: Sums, { alpha, centre, reach }: SequenceTerms): Interval {
  if (count === 0) return { lower: centre - reach, upper: centre + reach }
  const mean = sum / count
  const width = (reach * boundary(squares / reach ** 2, alpha / 2)) / count
  return { lower: Math.max(centre - reach, mean - width), upper: Math.min(centre + reach, mean + width) }
}

/**
 * The sum whose mixture is 1/alpha, for values within 1 of the centre whose squares sum to `squares`. ln of the mixture is convex in the sum, so secants through
 * two points above the root come down to it and never fall short.
 */
function boundary(squares: number, alpha: number): number {
  const rho = tuning(alpha)
  const target = Math.log(1 / alpha)
  const excess = (s: number) => logMixture(s, squares, rho) - target
  let near = 1
  while (excess(near) < 0) near *= 2
  let [far, above] = [2 * near, excess(2 * near)]
  for (let i = 0; i < 100; i++) {
    const here = excess(near)
    const next = near - (here * (far - near)) / (above - here)
    if (!(near - next > 1e-9 * near)) return near
    ;[far, above, near] = [near, here, next]
  }
  return near
}

/** The rule of thumb by which the mixture is tuned for `OPTIMAL_SQUARES` (Howard et al. 2021, section 3.5, for the normal mixture, which this one approaches). */
function tuning(alpha: number): number {
  const evidence = 2 * Math.log(1 / alpha)
  return OPTIMAL_SQUARES / (evidence + Math.log(1 + evidence))
}

/**
 * ln of ∫ exp(λs − ψ(λ)v) f(λ) dλ with ψ(λ) = −ln(1 − λ) − λ, the mixture f being a gamma density of 1 − λ truncated to [0, 1] with shape and rate rho
 * (Howard et al. 2021, proposition 9, with c = 1). For s ≥ 0: there both incomplete gamma functions are far from 0.
 */
export function logMixture(s: number, v: number, rho: number): number {
  const shape = v + rho
  const rate = s + v + rho
  return rho * Math.log(rho) - logGamma(rho) - logLower(rho, rho) + logGamma(shape) + logLower(shape, rate) - shape * Math.log(rate) + s + v
}

/** ln P(a, x), the regularised lower incomplete gamma function. */
function logLower(a: number, x: number): number {
  return Math.log1p(-upperGamma(a, x))
}
