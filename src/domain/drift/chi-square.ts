import { type Sample, countTogether } from './bins.ts'
import { upperGamma } from './gamma.ts'

/**
 * p-value of Pearson's one-sample test of the current counts against the reference's, scaled to the current size (Evidently's `chisquare`). A
 * category that the reference lacks has an expectation of 0 and gives p = 0, as there.
 */
export function chiSquarePValue(reference: Sample, current: Sample): number {
  const counts = countTogether(reference, current)
  const scale = current.length / reference.length
  let statistic = 0
  for (let i = 0; i < counts.reference.length; i++) {
    const expected = (counts.reference[i] ?? 0) * scale
    statistic += ((counts.current[i] ?? 0) - expected) ** 2 / expected
  }
  const degrees = counts.reference.length - 1
  return degrees === 0 ? 1 : upperGamma(degrees / 2, statistic / 2)
}
