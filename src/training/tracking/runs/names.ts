import { randomInt } from 'node:crypto'

/** Run names are a column and this tag at once. */
export const NAME_TAG = 'mlflow.runName'

const ADJECTIVES = ['able', 'bold', 'brisk', 'calm', 'clean', 'clear', 'crisp', 'deep', 'fair', 'fleet', 'glad', 'keen', 'kind', 'lucid', 'merry', 'neat', 'placid', 'quick', 'rapid', 'sleek', 'smooth', 'spry', 'steady', 'swift', 'wise']
const NOUNS = ['beck', 'brook', 'burn', 'channel', 'creek', 'dam', 'ford', 'gate', 'grist', 'ladle', 'leat', 'lock', 'mill', 'paddle', 'pond', 'race', 'rill', 'river', 'sluice', 'spout', 'stone', 'stream', 'tide', 'weir', 'wheel']

/** A name for a run that was given none, such as `swift-weir-417`. */
export function randomName(): string {
  return `${ADJECTIVES[randomInt(ADJECTIVES.length)]}-${NOUNS[randomInt(NOUNS.length)]}-${randomInt(1000)}`
}
