import { withService } from '../../testing.ts'
import { datasetStories } from './stories.ts'

datasetStories(withService())
