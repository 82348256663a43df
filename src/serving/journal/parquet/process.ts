import { errorMessage } from '../../../platform/errors/index.ts'
import type { PackedSegment } from './packed.ts'

/** A process of its own that packs one segment: `node PACK_PROCESS JOURNAL_FOLDER OFFSET`. DuckDB's memory and work are then gone with it. */
export const PACK_PROCESS = import.meta.filename

export type PackAnswer = { readonly packed: PackedSegment } | { readonly error: string }

if (process.argv[1] === PACK_PROCESS) {
  // Whoever asked for it holds the other end of its input: when that is gone, it ends too.
  process.stdin.on('end', () => process.exit(1)).resume()
  const [, , journal = '', start = ''] = process.argv
  const answer = await pack(journal, Number(start))
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit('packed' in answer ? 0 : 1))
}

async function pack(journal: string, start: number): Promise<PackAnswer> {
  try {
    const { packSegment } = await import('./pack.ts')
    return { packed: await packSegment(journal, start) }
  } catch (error) {
    return { error: errorMessage(error) }
  }
}
