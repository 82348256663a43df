import { rolloutStories } from './stories.ts'

rolloutStories({})
