import type { FeatureViewSummary, GetOnlineFeaturesRequest, GetOnlineFeaturesResponse, PushRequest, PushResponse } from '../src/api/features.ts'
import type { RequestOptions, Transport } from './http.ts'

/** The features service. */
export function featuresClient(transport: Transport) {
  return {
    getOnlineFeatures: (request: GetOnlineFeaturesRequest, options: RequestOptions = {}): Promise<GetOnlineFeaturesResponse> =>
      transport.json('POST', '/get-online-features', { ...options, body: request }),
    /** Resolves when the rows are on disk. May be repeated. */
    push: (request: PushRequest, options: RequestOptions = {}): Promise<PushResponse> => transport.json('POST', '/push', { ...options, body: request }),
    featureViews: async (): Promise<readonly FeatureViewSummary[]> =>
      (await transport.json<{ feature_views: readonly FeatureViewSummary[] }>('GET', '/feature-views')).feature_views,
    featureView: (name: string): Promise<FeatureViewSummary> => transport.json('GET', `/feature-views/${encodeURIComponent(name)}`),
  }
}
