// A process that computes for as many milliseconds as each line of its input says, then answers with a line: what work of any kind on the same machine does to a server.
import { createInterface } from 'node:readline'

for await (const line of createInterface({ input: process.stdin })) {
  const end = performance.now() + Number(line)
  let sum = 0
  while (performance.now() < end) for (let i = 0; i < 10_000; i++) sum = (sum + i) % 7
  process.stdout.write(`${sum}\n`)
}
