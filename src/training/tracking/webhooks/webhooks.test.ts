import { withService } from '../../testing.ts'
import { webhookStories } from './stories.ts'

webhookStories(withService())
