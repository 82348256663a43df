/** Works on the items of a sequence, `width` at a time, and reads no further ahead than that. The first failure ends it, after the work under way. */
export async function inParallel<T>(items: AsyncIterable<T> | Iterable<T>, width: number, work: (item: T) => Promise<void>): Promise<void> {
  const under = new Set<Promise<void>>()
  const failures: unknown[] = []
  for await (const item of items) {
    if (failures.length > 0) break
    const one = work(item).catch((error: unknown) => void failures.push(error))
    const tracked = one.finally(() => under.delete(tracked))
    under.add(tracked)
    if (under.size >= width) await Promise.race(under)
  }
  await Promise.all(under)
  if (failures.length > 0) throw failures[0]
}
