import { withService } from '../../testing.ts'
import { metricSampleStories } from './stories.ts'

metricSampleStories(withService())
