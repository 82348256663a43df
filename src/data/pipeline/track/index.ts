export { type RunTracking, type Tracked, type TrackRequest, trackState } from './log-run.ts'
export { type PipelineState, readDataVersions, readPipelineState, stageNames } from './state.ts'
