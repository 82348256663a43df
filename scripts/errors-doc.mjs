// Writes docs/errors.md from the catalogue. A test fails when the two disagree: run this after adding a code.
import { writeFileSync } from 'node:fs'
import { errorsDocument } from '../src/platform/errors/document.ts'

writeFileSync(new URL('../docs/errors.md', import.meta.url), errorsDocument())
