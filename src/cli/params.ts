import { readFileSync } from 'node:fs'
import Type from 'typebox'
import { parseConfig } from '../platform/config/index.ts'
import { MillraceError, toMillraceError } from '../platform/errors/index.ts'
import { parseTreeParameters, type TreeParameters } from '../training/learners/trees/parameters.ts'

/** What the stages `features`, `train` and `evaluate` read of params.yaml; it may hold other parameters for other stages. */
export interface Params {
  readonly features: { readonly service: string | undefined; readonly sample: number; readonly holdoutDays: number; readonly memory: string | undefined }
  readonly train: { readonly shuffleLabels: boolean; readonly learner: TreeParameters }
}

/** The sections that our stages read. */
export const paramsSchema = Type.Object({
  features: Type.Object({
    service: Type.Optional(Type.String({ minLength: 1, description: 'Name of a feature service; may be left out where there is one only' })),
    sample: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 1, description: 'Share of the rows to learn from, by a hash of the key; features are always computed from all rows' }),
    holdout_days: Type.Number({ minimum: 0, default: 14, description: 'Days at the end, by moment of prediction, that are held out to judge the model' }),
    memory: Type.Optional(Type.String({ pattern: '^\\d+(MB|GB)$', form: 'as `512MB`', description: 'Memory limit of the join; 512MB where it is left out' })),
  }),
  train: Type.Object({
    shuffle_labels: Type.Boolean({ default: false, description: 'Learn from shuffled labels, to test the gate' }),
    learner: Type.Record(Type.String(), Type.Unknown(), { default: {}, form: 'mapping', description: 'Parameters of the learner, below' }),
  }),
})

export function readParams(file: string): Params {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw toMillraceError(error, `reading ${file}`)
  }
  const { features, train } = parseConfig(paramsSchema, text, file)
  const learner = parseTreeParameters(train.learner, `${file}: train.learner`)
  // The trees could; the label of a feature service is 0 or 1, and so is all that comes after.
  if (learner.objective !== 'binary') throw new MillraceError('LEARNER_INVALID', `${file}: train.learner.objective: found ${learner.objective}, expected binary`)
  return {
    features: { service: features.service, sample: features.sample, holdoutDays: features.holdout_days, memory: features.memory },
    train: { shuffleLabels: train.shuffle_labels, learner },
  }
}
