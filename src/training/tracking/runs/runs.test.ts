import { withService } from '../../testing.ts'
import { runStories } from './stories.ts'

runStories(withService())
