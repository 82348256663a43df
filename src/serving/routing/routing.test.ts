import { followingStories } from './stories.ts'

followingStories({})
