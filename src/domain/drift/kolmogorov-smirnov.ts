import { logGamma } from './gamma.ts'

/** Up to this size of the larger sample the p-value is exact (scipy's `ks_2samp`, method auto). */
const MOST_EXACT = 10_000

/** The two-sample, two-sided Kolmogorov-Smirnov test as scipy 1.17 does it. Neither sample may be empty. */
export function kolmogorovSmirnov(reference: Float64Array, current: Float64Array): { readonly statistic: number; readonly pValue: number } {
  const a = reference.toSorted()
  const b = current.toSorted()
  let statistic = 0
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i] ?? 0, b[j] ?? 0)
    while (i < a.length && a[i] === value) i++
    while (j < b.length && b[j] === value) j++
    statistic = Math.max(statistic, Math.abs(i / a.length - j / b.length))
  }
  const exact = Math.max(a.length, b.length) <= MOST_EXACT
  const pValue = exact
    ? exactPValue(a.length, b.length, statistic)
    : oneSamplePValue(roundHalfEven((a.length * b.length) / (a.length + b.length)), statistic)
  return { statistic, pValue: Math.min(1, Math.max(0, pValue)) }
}

/**
 * P(D ≥ d) under the null: of all orders in which the pooled values can come, the share of those whose path from (0, 0) to (m, n) touches
 * |x/m − y/n| ≥ d (Hodges 1958). `touched[y]` is that share among the paths that end at (x, y); the last step came from the left with
 * probability x / (x + y), from below otherwise.
 */
function exactPValue(n1: number, n2: number, statistic: number): number {
  const m = Math.max(n1, n2)
  const n = Math.min(n1, n2)
  const divisor = greatestCommonDivisor(m, n)
  const mg = m / divisor
  const ng = n / divisor
  const limit = Math.round(statistic * mg * n)
  if (limit === 0) return 1
  const touched = new Float64Array(n + 1).fill(1)
  for (let x = 0; x <= m; x++) {
    const first = Math.max(0, Math.floor((ng * x - limit) / mg) + 1)
    const last = Math.min(n, Math.ceil((ng * x + limit) / mg) - 1)
    if (last < first) return 1
    let below = first === 0 ? 0 : 1
    for (let y = first; y <= last; y++) {
      const steps = x + y
      below = steps === 0 ? 0 : ((touched[y] ?? 1) * x + below * y) / steps
      touched[y] = below
    }
    // What the window has left behind lies outside for good.
    if (first > 0) touched[first - 1] = 1
  }
  return touched[n] ?? 1
}

/**
 * P(D_n ≥ d) of the one-sample statistic (scipy's `kstwo.sf`): twice the one-sided probability (Smirnov; exact where both sides cannot be
 * exceeded together, and within 1e-10 above n·d² = 2.2, Simard and L'Ecuyer 2011), below that Pelz and Good's expansion.
 */
export function oneSamplePValue(n: number, d: number): number {
  if (d <= 0) return 1
  if (d >= 1) return 0
  const t = n * d * d
  if (t >= 370) return 0
  if (d >= 0.5 || t >= 2.2) return Math.min(1, 2 * smirnov(n, d))
  return 1 - pelzGood(n, d)
}

/** P(D+ ≥ d) = d Σ C(n, j) (d + j/n)^(j−1) (1 − d − j/n)^(n−j) (Birnbaum and Tingey 1951), summed in logarithms. */
function smirnov(n: number, d: number): number {
  let sum = 0
  const logFactorial = logGamma(n + 1)
  for (let j = 0; j <= Math.floor(n * (1 - d)); j++) {
    const rest = 1 - d - j / n
    const power = n - j === 0 ? 0 : (n - j) * Math.log(rest)
    if (rest <= 0 && n > j) continue
    sum += Math.exp(logFactorial - logGamma(j + 1) - logGamma(n - j + 1) + (j - 1) * Math.log(d + j / n) + power)
  }
  return d * sum
}

/** P(D_n ≤ d) by Pelz and Good (1976): K0(z) + K1(z)/√n + K2(z)/n + K3(z)/n^1.5 with z = d√n, each as a theta series for small z. */
function pelzGood(n: number, d: number): number {
  const z = Math.sqrt(n) * d
  const z2 = z * z
  const z4 = z2 * z2
  const z6 = z4 * z2
  const pi2 = Math.PI ** 2
  const pi4 = Math.PI ** 4
  if (-pi2 / 8 / z2 < -708) return 0
  let k0 = 0
  let k1 = 0
  let k2 = 0
  let k3 = 0
  const terms = Math.ceil((16 * z) / Math.PI)
  for (let k = terms; k >= 1; k--) {
    const m2 = (2 * k - 1) ** 2
    const weight = Math.exp((-pi2 * m2) / 8 / z2)
    k0 += weight
    k1 += weight * (-z2 + (pi2 / 4) * m2)
    k2 += weight * (6 * z6 + 2 * z4 + (((2 * z4 - 5 * z2) * pi2) / 4) * m2 + ((pi4 * (1 - 2 * z2)) / 16) * m2 ** 2)
    k3 +=
      weight *
      (-30 * z6 -
        90 * z4 * z4 +
        ((pi2 * (135 * z4 - 96 * z6)) / 4) * m2 +
        ((pi4 * (-60 * z2 + 212 * z4)) / 16) * m2 ** 2 +
        ((Math.PI ** 6 * (5 - 30 * z2)) / 64) * m2 ** 3)
  }
  let k2Even = 0
  let k3Even = 0
  for (let k = terms; k >= 1; k--) {
    const weight = Math.exp((-pi2 * k * k) / 2 / z2)
    k2Even += k * k * weight
    k3Even += (3 * z2 - pi2 * k * k) * k * k * weight
  }
  const root = Math.sqrt(2 * Math.PI)
  return (
    (root * k0) / z +
    (root * k1) / (6 * z4) / Math.sqrt(n) +
    ((root * k2) / (72 * z6 * z) - (pi2 * root * k2Even) / (36 * z2 * z)) / n +
    ((root * k3) / (6480 * z6 * z4) + (pi2 * root * k3Even) / (216 * z6)) / n ** 1.5
  )
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** NumPy's rounding, which the size of the asymptotic test goes through. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
