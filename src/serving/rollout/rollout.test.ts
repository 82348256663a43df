import { rolloutStories } from './stories.ts'

rolloutStories({ storage: () => 'sqlite' })
