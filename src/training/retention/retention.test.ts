import { retentionStories } from './stories.ts'
import { withService } from '../testing.ts'

retentionStories(withService())
