import { rolloutStories } from '../../src/serving/rollout/stories.ts'
import { startServingProcess } from '../../src/serving/testing-process.ts'

rolloutStories({ start: (projectFolder, options) => startServingProcess(projectFolder, { ...options, workers: 2 }) })
