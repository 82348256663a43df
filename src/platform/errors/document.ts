import { ERROR_CATALOGUE } from './catalogue.ts'

/** docs/errors.md: the catalogue as a page, in alphabetical order. */
export function errorsDocument(): string {
  const rows = Object.entries(ERROR_CATALOGUE)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { status, exit, title }]) => `| <a id="${code.toLowerCase()}"></a>\`${code}\` | ${title} | ${status} | ${exit} |`)
  return `# Errors

Every error that Millrace foresees has a code. Our own routes answer it as problem details (RFC 9457: \`code\`, \`detail\`, \`instance\`); MLflow's routes, \`/v2\` and
\`/invocations\` answer it in the shape of their protocol. The command line prints \`millrace: CODE: what was wrong, where, what was found, what was expected\`
and ends with the exit code. This page is made from \`src/platform/errors/catalogue.ts\` by \`node scripts/errors-doc.mjs\`.

| code | means | HTTP | exit |
|---|---|---|---|
${rows.join('\n')}
`
}
