/**
 * A binary classifier says 1 where the probability of the positive class is above this, and 0 where it is at it: the larger of two probabilities, of equal ones the first, as
 * scikit-learn's `predict` has it.
 */
export const POSITIVE_ABOVE = 0.5
