import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The file to start this installation's command line with, on this very Node: two folders up from the source, three from what is built. */
export const ENTRY: string = ['../../bin/entry.mjs', '../../../bin/entry.mjs'].map((path) => fileURLToPath(new URL(path, import.meta.url))).find((file) => existsSync(file)) ?? ''
