import { withService } from '../../testing.ts'
import { experimentStories } from './stories.ts'

experimentStories(withService())
