import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Comparison } from '../../api/rollouts.ts'
import type { RolloutConfig } from '../../domain/rollout-config.ts'
import { testConfig } from '../testing.ts'
import { ArmMeter } from './counts.ts'
import { type Standing, nextMove, verdict } from './policy.ts'

function policy(yaml: string): RolloutConfig {
  const { rollout } = testConfig({ yaml: `deployments: [{model: delay, rollout: ${yaml}}]` }).deployments[0] ?? {}
  assert.ok(rollout)
  return rollout
}

interface Happened {
  readonly answered?: number
  readonly seconds?: number
  readonly errors?: number
  readonly refused?: number
}

function meter(arm: 'champion' | 'candidate', { answered = 0, seconds = 0.002, errors = 0, refused = 0 }: Happened): ArmMeter {
  const one = new ArmMeter(arm, () => undefined)
  for (let i = 0; i < answered; i++) one.answered(seconds)
  for (let i = 0; i < errors; i++) one.failed('PREDICTION_FAILED')
  for (let i = 0; i < refused; i++) one.failed('INPUT_INVALID')
  return one
}

function standing(config: RolloutConfig, champion: Happened, candidate: Happened, rest: Partial<Standing> = {}): Standing {
  return { config, row: { phase: 'progressing', step: 0, since: 0 }, champion: meter('champion', champion), candidate: meter('candidate', candidate), quality: undefined, now: 0, ...rest }
}

const compared = (lower: number, upper: number): Comparison => ({ design: 'paired', rows: { champion: 500, candidate: 500 }, gain: (lower + upper) / 2, lower, upper, alpha: 0.05 })
const HOUR = 3_600_000

describe('what a meter counts', () => {
  const CASES = [
    ['PREDICTION_FAILED', 1, 0],
    ['INTERNAL', 1, 0],
    ['MODEL_INVALID', 1, 0],
    ['TIMEOUT', 1, 0],
    ['INPUT_INVALID', 0, 1],
    ['OVERLOADED', 0, 0],
    ['JOURNAL_FAILED', 0, 0],
    ['DISK_FULL', 0, 0],
    ['BODY_TOO_LARGE', 0, 0],
    ['CANCELLED', 0, 0],
  ] as const
  for (const [code, errors, refused] of CASES) {
    test(`${code}: ${errors === 1 ? 'a failure' : refused === 1 ? 'a refusal' : 'nothing of the version'}`, () => {
      const one = new ArmMeter('candidate', () => undefined)
      one.failed(code)
      assert.deepEqual([one.errors, one.refused, one.requests], [errors, refused, errors + refused])
    })
  }

  test('a quantile lies in a bucket a tenth wide', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.00001, max: 25, noNaN: true }), { minLength: 1, maxLength: 300 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (seconds, share) => {
        const one = new ArmMeter('candidate', () => undefined)
        for (const each of seconds) one.answered(each)
        const sorted = seconds.toSorted((a, b) => a - b)
        const exact = (sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 1000
        const found = one.quantile(share)
        assert.ok(found && found.above <= exact * 1.000001 && exact <= found.atMost * 1.000001, `${JSON.stringify(found)} ${exact}`)
      }),
    )
  })

  test('is the same whether it was saved, is being saved, or could not be', () => {
    const one = meter('candidate', { answered: 7, errors: 2 })
    const deltas = one.save()
    one.answered(0.1)
    assert.equal(one.requests, 10)
    one.kept()
    assert.equal(one.requests, 10)
    assert.equal(one.save().reduce((sum, { counter, count }) => sum + (counter === 0 ? count : 0), 0), 8)
    one.saved(deltas.map((delta) => (delta.counter === 0 ? { ...delta, count: 8 } : delta)))
    assert.equal(one.requests, 10)
  })
})

describe('the policy', () => {
  const config = policy('{steps: [{weight: 10, pause: 1h}, {weight: 50, pause: 2h}], analysis: {min_requests: 100, max_latency: 50ms, max_latency_ratio: 3, quality: {margin: 0.01}}}')

  const VERDICTS: readonly [string, Happened, Happened, Comparison | undefined, RegExp | null][] = [
    ['lets a candidate be that has seen nothing', {}, {}, undefined, null],
    ['lets it be within its share of errors', { answered: 900 }, { answered: 99, errors: 1 }, undefined, null],
    ['ends one that cannot keep its share any more, before it had its requests', { answered: 20 }, { answered: 1, errors: 2 }, undefined, /failed at 2 of 3 requests, more than 1 % of 100/],
    ['ends one over its share', { answered: 900 }, { answered: 990, errors: 11 }, undefined, /failed at 11 of 1001/],
    ['lets one be that refuses what the other refuses', { answered: 500, refused: 500 }, { answered: 500, refused: 500 }, undefined, null],
    ['ends one that refuses what the other takes', { answered: 1000 }, { answered: 5, refused: 20 }, undefined, /refused 20 of 25 requests/],
    ['lets a slow one be until there are enough', { answered: 500 }, { answered: 50, seconds: 1 }, undefined, null],
    ['ends one that is slow', { answered: 10 }, { answered: 100, seconds: 0.1 }, undefined, /p99 is over \d+(\.\d+)? ms, more than 50ms/],
    ['ends one that is slow beside the other', { answered: 500, seconds: 0.002 }, { answered: 200, seconds: 0.02 }, undefined, /more than 3 times/],
    ['lets one be of which nothing is proven', {}, {}, compared(-0.2, 0.1), null],
    ['lets one be that is worse within the margin', {}, {}, compared(-0.2, -0.005), null],
    ['ends one that is worse', {}, {}, compared(-0.2, -0.02), /log loss is worse: gain in log loss -0\.11, between -0\.2 and -0\.02 with confidence 0\.95 on 500 labelled rows/],
  ]
  for (const [name, champion, candidate, quality, expected] of VERDICTS) {
    test(name, () => {
      const found = verdict(standing(config, champion, candidate, { quality }))
      if (expected === null) assert.equal(found, null)
      else assert.match(found ?? '', expected)
    })
  }

  test('waits for the time, then for the requests, then takes the next step', () => {
    const early = nextMove(standing(config, {}, { answered: 500 }, { now: HOUR - 1 }))
    assert.deepEqual(early, { kind: 'wait', for: 'project time 1970-01-01T01:00:00.000Z' })
    assert.deepEqual(nextMove(standing(config, {}, { answered: 40 }, { now: HOUR })), { kind: 'wait', for: '60 more requests to the candidate' })
    const next = nextMove(standing(config, {}, { answered: 100 }, { now: HOUR }))
    assert.ok(next.kind === 'step' && next.step === 1)
  })

  test('after the last step waits for the labels, then promotes, or leaves that to somebody', () => {
    const last = { row: { phase: 'progressing', step: 1, since: HOUR }, now: 3 * HOUR } as const
    const ask = (quality: Comparison | undefined, by = config) => nextMove(standing(by, {}, { answered: 100 }, { ...last, quality }))
    assert.equal(ask(undefined).kind, 'wait')
    assert.equal(ask(compared(-0.02, 0.3)).kind, 'wait')
    assert.equal(ask(compared(-0.005, 0.3)).kind, 'promote')
    const strict = policy('{steps: [{weight: 10, pause: 1h}, {weight: 50, pause: 2h}], analysis: {quality: {require: better, margin: 0}}}')
    assert.equal(ask(compared(-0.005, 0.3), strict).kind, 'wait')
    assert.equal(ask(compared(0.001, 0.3), strict).kind, 'promote')
    const manual = policy('{promotion: manual, steps: [{weight: 10, pause: 1h}, {weight: 50, pause: 2h}]}')
    assert.equal(ask(undefined, manual).kind, 'pause')
  })

  test('a step without a pause waits for somebody; one of weight 0 for no requests', () => {
    assert.equal(nextMove(standing(policy('{steps: [{weight: 50}]}'), {}, { answered: 500 }, { now: HOUR })).kind, 'pause')
    assert.equal(nextMove(standing(policy('{steps: [{weight: 0, pause: 1h}, {weight: 10, pause: 1h}]}'), {}, {}, { now: HOUR })).kind, 'step')
  })
})
