import { followingStories } from './stories.ts'

followingStories({ storage: () => 'sqlite' })
