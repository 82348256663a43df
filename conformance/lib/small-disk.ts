import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

/** A service whose project lies on a file system of its own, so small that it can be filled. */
export interface OnSmallDisk {
  readonly url: string
  readonly fill: () => Promise<void>
  readonly empty: () => Promise<void>
}

/**
 * Runs `program`, which is given the project's folder, then `args`, and prints `{"listening":PORT}` once it answers. Only it and a shell in the same
 * namespace see the file system, a tmpfs in `folder`; the shell fills it and empties it again on request. Linux; needs unshare(1) of util-linux.
 */
export async function startOnSmallDisk(t: TestContext, folder: string, kilobytes: number, program: string, ...args: readonly string[]): Promise<OnSmallDisk> {
  const mounted = join(folder, 'mounted')
  mkdirSync(mounted)
  const script = `mount -t tmpfs -o size=${kilobytes}k tmpfs "$1" || exit 1
    disk=$1; shift
    "$@" & service=$!
    while read -r order; do
      case $order in fill) dd if=/dev/zero of="$disk/ballast" bs=1k 2>/dev/null; echo filled;; empty) rm "$disk/ballast"; echo emptied;; esac
    done
    kill $service; wait $service`
  const shell = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', mounted, process.execPath, program, mounted, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => new Promise<void>((resolve) => shell.once('exit', () => resolve()).stdin.end()))
  const lines = createInterface(shell.stdout)[Symbol.asyncIterator]()
  const said = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the service ended before it said ${pattern}`)
      const match = pattern.exec(String(value))
      if (match) return match[1] ?? ''
    }
  }
  const order = async (what: string, pattern: RegExp): Promise<void> => {
    shell.stdin.write(`${what}\n`)
    await said(pattern)
  }
  return {
    url: `http://127.0.0.1:${await said(/^\{"listening":(\d+)\}$/)}`,
    fill: () => order('fill', /^filled$/),
    empty: () => order('empty', /^emptied$/),
  }
}
