import { withService } from '../../testing.ts'
import { loggedModelStories } from './stories.ts'

loggedModelStories(withService())
