import { describe } from 'node:test'
import { withService } from '../../testing.ts'
import { searchStories } from './search-stories.ts'
import { runStories } from './stories.ts'
import { writerStories } from './writer-stories.ts'

runStories(withService())
describe('many at once', () => writerStories(withService()))
describe('many runs', () => searchStories(withService()))
