import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { databaseContract } from './contract.ts'
import { openDatabase } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'))
after(() => rmSync(folder, { recursive: true, force: true }))

databaseContract('sqlite', (name, migrations) => openDatabase({ url: `sqlite:${join(folder, `${name}.db`)}`, schema: name, migrations }))
