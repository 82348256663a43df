import { killStories } from './kill-stories.ts'

killStories({ kills: 2, workers: 1 })
