// Where a Node that can run Millrace starts: the launcher, the supervisor and the stages of pipelines come through here.
// A start takes a third of the time when Node finds modules compiled, and stripped of types, by an earlier one; only what is imported after the cache is
// opened is looked up there. Where its folder cannot be written, Node goes on without it.
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

const caches = { win32: process.env.LOCALAPPDATA, darwin: join(homedir(), 'Library', 'Caches') }[process.platform] ?? (isAbsolute(process.env.XDG_CACHE_HOME ?? '') ? process.env.XDG_CACHE_HOME : undefined)
const folder = join(caches || join(homedir(), '.cache'), 'millrace', 'compiled')
enableCompileCache(folder)
// Threads and the processes that are forked find it by this. A model's thread that has to strip and compile first costs three times as much, of all cores, while requests wait for them.
process.env.NODE_COMPILE_CACHE ??= folder

const source = new URL('../src/main.ts', import.meta.url)
// Node strips no types under node_modules, so an installed package always runs what was built.
const entry = existsSync(source) && !source.pathname.includes('/node_modules/') ? source : new URL('../dist/src/main.js', import.meta.url)
await import(entry.href)
