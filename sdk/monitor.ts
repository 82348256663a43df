import type { Candidate, DriftSeries, LabelsRequest, LabelsResponse, PendingLabels, PerformanceSeries, Report } from '../src/api/monitor.ts'
import type { Comparison, ComparisonQuery } from '../src/api/rollouts.ts'
import type { RequestOptions, Transport } from './http.ts'

/** The monitor: labels, reports, candidates. */
export function monitorClient(transport: Transport) {
  return {
    /** Resolves when all are on disk. May be repeated: the same label again changes nothing; another one for the same row is an ApiError of 409. */
    sendLabels: (labels: LabelsRequest['labels'], options: RequestOptions = {}): Promise<LabelsResponse> =>
      transport.json('POST', '/labels', { ...options, body: { labels } }),
    pendingLabels: (limit = 100): Promise<PendingLabels> => transport.json('GET', '/labels/pending', { query: { limit } }),
    /** In order of time. */
    reports: async (model: string): Promise<readonly Report[]> =>
      (await transport.json<{ reports: readonly Report[] }>('GET', '/reports', { query: { model } })).reports,
    report: (id: string): Promise<Report> => transport.json('GET', `/reports/${encodeURIComponent(id)}`),
    drift: (model: string): Promise<DriftSeries> => transport.json('GET', '/drift', { query: { model } }),
    performance: (model: string, by: 'month' | 'week' | 'day' = 'month', aliases: readonly string[] = []): Promise<PerformanceSeries> =>
      transport.json('GET', '/performance', { query: { model, by, aliases: aliases.length > 0 ? aliases.join(',') : undefined } }),
    /** Newest first. */
    candidates: async (model?: string): Promise<readonly Candidate[]> =>
      (await transport.json<{ candidates: readonly Candidate[] }>('GET', '/candidates', { query: { model } })).candidates,
    /** The candidate of a rollout beside the version before it, on the rows that are labelled by now. */
    comparison: (query: ComparisonQuery): Promise<Comparison> => transport.json('GET', '/comparison', { query: { ...query } }),
    candidate: (id: string): Promise<Candidate> => transport.json('GET', `/candidates/${encodeURIComponent(id)}`),
    /** Hands a registered version to the gate; again, it answers with the same candidate. */
    submitCandidate: (model: string, version: string): Promise<Candidate> => transport.json('POST', '/candidates', { body: { model, version } }),
  }
}
