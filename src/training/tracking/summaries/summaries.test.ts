import { withService } from '../../testing.ts'
import { summaryStories } from './stories.ts'

summaryStories(withService())
