import { type Sample, binTogether, hasMoreDistinct, isNumeric } from './bins.ts'
import { chiSquarePValue } from './chi-square.ts'
import { jensenShannon, populationStability, wassersteinNormed } from './distances.ts'
import { kolmogorovSmirnov } from './kolmogorov-smirnov.ts'

export type NumericMethod = 'wasserstein' | 'psi' | 'jensenshannon' | 'ks'
export type CategoricalMethod = 'jensenshannon' | 'psi' | 'chisquare'

export interface DriftSettings {
  readonly numeric: NumericMethod
  readonly categorical: CategoricalMethod
  /** A distance has drifted when it reaches this; a p-value when it falls to (KS) or below (chi²) it, as in Evidently. */
  readonly threshold: number
}

export interface ColumnScore {
  /** The method with its binning: a score means nothing without them. */
  readonly method: string
  /** null when either side has no value at all. */
  readonly score: number | null
  readonly threshold: number
  readonly drifted: boolean
}

/** A numeric column with so few distinct values is judged as a categorical one (Evidently's default choice of test). */
const FEW_DISTINCT = 5

/** Judges one column. Missing and infinite values have been left out of both samples. A column that lost all its values has drifted. */
export function columnDrift(reference: Sample, current: Sample, settings: DriftSettings, integer = false): ColumnScore {
  const { threshold } = settings
  const numeric = isNumeric(reference) && isNumeric(current)
  const few = numeric && !hasMoreDistinct(FEW_DISTINCT, reference, current)
  const method = numeric && !few ? settings.numeric : settings.categorical
  if (reference.length === 0 || current.length === 0) {
    return { method, score: null, threshold, drifted: reference.length > 0 }
  }
  switch (method) {
    case 'wasserstein': {
      if (!numeric) throw new TypeError('the Wasserstein distance needs numbers')
      return distance('wasserstein normed', wassersteinNormed(reference, current), threshold)
    }
    case 'ks': {
      if (!numeric) throw new TypeError('the Kolmogorov-Smirnov test needs numbers')
      const { pValue } = kolmogorovSmirnov(reference, current)
      return { method: 'ks p-value', score: pValue, threshold, drifted: pValue <= threshold }
    }
    case 'chisquare': {
      const pValue = chiSquarePValue(reference, current)
      return { method: 'chisquare p-value', score: pValue, threshold, drifted: pValue < threshold }
    }
    case 'jensenshannon': {
      const binned = binTogether(reference, current, integer)
      return distance(`jensenshannon (${binned.binning})`, jensenShannon(binned), threshold)
    }
    case 'psi': {
      const binned = binTogether(reference, current, integer)
      return distance(`psi (${binned.binning})`, populationStability(binned), threshold)
    }
  }
}

function distance(method: string, score: number, threshold: number): ColumnScore {
  return { method, score, threshold, drifted: score >= threshold }
}
