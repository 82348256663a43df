export type { Interval } from './confidence-sequence.ts'
export { boundedLogLoss, losses, pairedGains, pairedInterval, unpairedInterval } from './log-loss.ts'
