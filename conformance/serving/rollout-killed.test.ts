import { describe } from 'node:test'
import { killStories } from '../../src/serving/rollout/kill-stories.ts'

/** What a unit test does three times, as often as it takes to meet most moments. */
describe('serving in one process', () => killStories({ kills: 25, workers: 1 }))
describe('serving with workers', () => killStories({ kills: 8, workers: 2 }))
