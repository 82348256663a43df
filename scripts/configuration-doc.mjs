// Writes docs/configuration.md from the schemas. A test fails when the two disagree: run this after changing a key.
import { writeFileSync } from 'node:fs'
import { configurationPage } from '../src/cli/configuration-page.ts'

writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationPage())
