import { killStories } from './kill-stories.ts'

killStories({ storage: () => 'sqlite', kills: 3, workers: 1 })
