import { monitorStories } from './stories.ts'

monitorStories(() => 'sqlite')
