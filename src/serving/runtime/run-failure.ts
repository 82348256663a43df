import { MillraceError, errorMessage } from '../../platform/errors/index.ts'

/** The machine's fault, or the model's, whatever else the words say. */
const OURS = /allocate|allocation|out of memory|bad_alloc|cuda|cudnn|cublas|not implemented|could not find an implementation|no kernel/i
/** Words in which ONNX Runtime's kernels complain of the shape of what they were given, or of a value in it. */
const THEIRS: readonly RegExp[] = [
  // Before the first node runs.
  /Invalid rank for input|Got invalid dimensions for input|Unexpected input data type|is missing in 'feeds'/,
  /\b(dimensions?|dims?|shapes?|rank|broadcast|axis|batch size|feature size|features|channels)\b/i,
  /\b(index|indices|out of (data )?(bounds|range)|exceeds|not be greater than|greater than 0)\b/i,
  /\b(arguments?|must (be|have)|should (be|have)|can ?not be|negative|Integer overflow|would require more than)\b/i,
  /\binvalid (input|value)\b/i,
  /Unknown Category/i,
]
/** What the C++ library says of text that it was to read as a number, the whole of it. */
const NO_NUMBER = /Status Message: sto(d|f|i|l|ll|ul|ull)\s*$/

/**
 * What a run of the model failed at. INPUT_INVALID where ONNX Runtime complains of what it was given: a size that fits no weight, an index beyond the table, text that is no number.
 * What a model takes beyond what its inputs declare, only its nodes know, and onnxruntime-node passes on their words but not their codes. Anything else is PREDICTION_FAILED.
 * `empty` names an input without elements, of which kernels often say nothing at all.
 */
export function runFailure(error: unknown, empty?: string): MillraceError {
  if (error instanceof MillraceError) return error
  const words = errorMessage(error)
  if (OURS.test(words)) return new MillraceError('PREDICTION_FAILED', `the model failed: ${words}`, { cause: error })
  if (NO_NUMBER.test(words)) return new MillraceError('INPUT_INVALID', `the model cannot run on this input: it reads text as a number, and found some that is none (${words})`, { cause: error })
  if (THEIRS.some((complaint) => complaint.test(words))) return new MillraceError('INPUT_INVALID', `the model cannot run on this input: ${words}`, { cause: error })
  if (empty !== undefined) return new MillraceError('INPUT_INVALID', `the model cannot run on input ${empty}, which has no elements: ${words}`, { cause: error })
  return new MillraceError('PREDICTION_FAILED', `the model cannot run on this input: ${words}`, { cause: error })
}
