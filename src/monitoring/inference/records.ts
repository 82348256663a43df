import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { JournalRecord, ScoredRecord } from '../../api/serving.ts'
import { MillraceError } from '../../platform/errors/index.ts'

const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])
const record = Compile(
  Type.Object({
    id: Type.String({ minLength: 1 }),
    row: Type.Integer({ minimum: 0 }),
    model: Type.String({ minLength: 1 }),
    version: Type.String({ minLength: 1 }),
    alias: Type.String({ minLength: 1 }),
    role: Type.Union([Type.Literal('champion'), Type.Literal('shadow')]),
    time: Type.Number(),
    features: Type.Optional(Type.Record(Type.String(), scalar)),
    masked: Type.Optional(Type.Array(Type.String())),
    missing: Type.Optional(Type.Array(Type.String())),
    score: Type.Optional(Type.Number()),
    exposure: Type.Optional(
      Type.Object({ rollout: Type.String(), arm: Type.Union([Type.Literal('champion'), Type.Literal('candidate')]), by: Type.Union([Type.Literal('weight'), Type.Literal('header')]) }),
    ),
  }),
)

/** How the line of a probe ends: what stands in `inputs` is followed by other members, so this is the record's own. */
const PROBE = /,"probe":true(?:,"crc":"[0-9a-f]{8}")?\}$/
const PROBE_LENGTH = ',"probe":true,"crc":"00000000"}'.length

/**
 * The records of one piece of serving's journal that began at `offset`, without those of probes, which tell nothing of the world, and those of tensors, which have no score. Throws UPSTREAM_FAILED, naming the offset, for a line that is no
 * record: the journal is checked where it is read from, so that would be a fault of the program and must not be passed over.
 */
export function parseRecords(text: string, offset: number): ScoredRecord[] {
  const records: ScoredRecord[] = []
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    if (end > start && !PROBE.test(text.slice(Math.max(start, end - PROBE_LENGTH), end))) {
      const parsed = parseLine(text.slice(start, end), offset)
      if (parsed) records.push(parsed)
    }
    start = end + 1
  }
  return records
}

function parseLine(line: string, offset: number): ScoredRecord | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new MillraceError('UPSTREAM_FAILED', `serving's journal, after offset ${offset}: found ${line.slice(0, 80)}, expected a line of JSON`, { cause: error })
  }
  if (record.Check(value)) return isScored(value) ? value : null
  const [first] = record.Errors(value)
  throw new MillraceError('UPSTREAM_FAILED', `serving's journal, after offset ${offset}: ${first?.instancePath ?? ''} ${first?.message ?? 'is malformed'}`)
}

function isScored(value: JournalRecord): value is ScoredRecord {
  return value.score !== undefined
}
