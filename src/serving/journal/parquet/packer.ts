import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { text } from 'node:stream/consumers'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { PackedSegment } from './packed.ts'
import { PACK_PROCESS, type PackAnswer } from './process.ts'

/** Packs a segment in a process that gives way to all others. Rejects with DATA_UNREADABLE and its words; with CANCELLED once `stop` is aborted. */
export async function packAside(journal: string, start: number, stop: AbortSignal): Promise<PackedSegment> {
  const child = spawn(process.execPath, ['--max-old-space-size=48', '--max-semi-space-size=2', '--disable-warning=ExperimentalWarning', PACK_PROCESS, journal, String(start)], { stdio: ['pipe', 'pipe', 'pipe'] })
  const kill = (): void => void child.kill('SIGKILL')
  stop.addEventListener('abort', kill, { once: true })
  if (child.pid !== undefined) yieldTo(child.pid)
  try {
    const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr), new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))])
    if (stop.aborted) throw new MillraceError('CANCELLED', 'packing the journal was given up: serving stops')
    const answer = parseAnswer(said)
    if (answer && 'packed' in answer) return answer.packed
    throw new MillraceError('DATA_UNREADABLE', answer?.error ?? `the process that packs the journal ended: ${complaint.slice(-500)}`)
  } finally {
    stop.removeEventListener('abort', kill)
  }
}

/** What our own process wrote; null where it wrote nothing whole. */
function parseAnswer(said: string): PackAnswer | null {
  try {
    return JSON.parse(said)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function yieldTo(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It has ended already, or the system does not allow it: then it runs as others do.
  }
}
