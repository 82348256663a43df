export type { Interval } from './confidence-sequence.ts'
export { type Tally, boundedLogLoss, losses, pairedGains, pairedInterval, unpairedInterval } from './log-loss.ts'
