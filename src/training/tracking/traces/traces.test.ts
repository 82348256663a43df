import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withService } from '../../testing.ts'
import { traceStories } from './stories.ts'

const service = withService()
traceStories(service)

test('the file of a trace holds times to the nanosecond, and goes out as an attachment', async () => {
  const span = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), name: 'exact', startTimeUnixNano: '1767225601500000001', endTimeUnixNano: '1767225601500000003' }
  const sent = await service.send('POST', '/v1/traces', { body: { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }, headers: { 'x-mlflow-experiment-id': '0' } })
  assert.equal(sent.status, 200, sent.text)
  for (const version of ['2.0', '3.0']) {
    const { text, headers } = await service.send('GET', `/ajax-api/${version}/mlflow/get-trace-artifact?request_id=tr-${'c'.repeat(32)}`)
    assert.match(text, /"start_time_unix_nano": 1767225601500000001, "end_time_unix_nano": 1767225601500000003/)
    assert.match(String(headers['content-disposition']), /^attachment; filename\*=UTF-8''traces.json$/)
    assert.equal(headers['content-security-policy'], "default-src 'none'; sandbox")
  }
  const { text } = await service.send('GET', `/api/3.0/mlflow/traces/tr-${'c'.repeat(32)}`)
  assert.match(text, /"mlflow.trace.spansLocation":"TRACKING_STORE"/)
  assert.match(text, new RegExp(`"mlflow.artifactLocation":"mlflow-artifacts:/0/traces/tr-${'c'.repeat(32)}/artifacts"`))
})
