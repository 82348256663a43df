import type { TSchema } from 'typebox'
import { entitySchema, latestViewSchema, serviceSchema, windowViewSchema } from '../data/features/schema.ts'
import { projectConfigSchema } from '../domain/config.ts'
import { TRANSFORMS } from '../domain/transforms.ts'
import { describeKeys, type KeyDescription } from '../platform/config/index.ts'
import { DEFAULT_PARAMETERS, RANGES } from '../training/learners/trees/parameters.ts'
import { paramsSchema } from './params.ts'

/** docs/configuration.md: every key of the files that Millrace reads, from the schemas that read them. */
export function configurationPage(): string {
  return `# Configuration

Every key of the files that a project consists of. This page is made from the schemas by \`node scripts/configuration-doc.mjs\`; how the files work together is told in
[Your own model](own-project.md). Contracts have [a page of their own](formats/contracts.md), \`dvc.yaml\` is [DVC's](https://dvc.org/doc/user-guide/project-structure/dvcyaml-files).

A file with a mistake is refused: an unknown key, a value of the wrong type or out of range. The error names file, line, key, what was found and what was expected.

## millrace.yaml

What should be. It holds no version number: which version \`champion\` is belongs to the registry. A key that can be left out has a default; only \`project\` must be there.
Services read the file when they start: after a change stop \`millrace up\` and start it again. In a key, \`[]\` stands for each entry of a list.

Every key outside lists can be set by an environment variable, which wins over the file. A password in \`storage.database\` belongs there.

${keyTable(projectConfigSchema, true)}

A \`deployments[]\` entry serves a model, a \`monitors[]\` entry watches it, a \`retraining[]\` entry makes candidates and judges them; they are joined by \`model\`, and each may be there without the
others. Give a model one of each at most.

## Other environment variables

| variable | means |
|---|---|
| \`MLFLOW_TRACKING_URI\` | tracking service of \`millrace track\`, as for MLflow's clients; otherwise that of millrace.yaml |
| \`MILLRACE_ACTOR\` | who changes the registry by \`millrace models\`; otherwise the user of the machine |
| \`MILLRACE_LOG_LEVEL\` | least level that services log: \`trace\`, \`debug\`, \`info\` (default), \`warn\`, \`error\`, \`fatal\` |
| \`MILLRACE_ACTOR\` | who moves aliases and changes models with \`millrace models\`; otherwise the user of this machine |
| \`NODE_COMPILE_CACHE\` | folder for compiled modules, which makes every start cheaper; default \`millrace/compiled\` in the user's cache folder (\`XDG_CACHE_HOME\`) |

A variable \`MILLRACE_…\` that is in neither table is told on standard error, with the nearest that there is.

A stage of an execution finds \`MLFLOW_TRACKING_URI\`, \`MILLRACE_STORAGE_FOLDER\` and \`MILLRACE_EXECUTION_ID\` set.

## params.yaml

What \`millrace features build\`, \`train\` and \`evaluate\` read. The file may hold other sections, for stages of your own.

${keyTable(paramsSchema, false)}

\`train.learner\` has the names and meanings of [LightGBM](https://lightgbm.readthedocs.io/en/stable/Parameters.html):

| key | type | default |
|---|---|---|
| \`objective\` | \`binary\` | \`binary\` |
${Object.entries(RANGES)
  .map(([key, [low, high, whole]]) => `| \`${key}\` | ${whole ? 'integer' : 'number'}, ${low} to ${high} | \`${DEFAULT_PARAMETERS[key as keyof typeof RANGES]}\` |`)
  .join('\n')}

## features/*.yaml

One definition a file, told apart by \`kind\`. A source is a Parquet or CSV file, or a folder with files of one of these kinds. A moment without a zone is read as UTC; in JSON it may also be milliseconds since 1970.

### kind: entity
What features are about: an airport, a customer.

${keyTable(entitySchema, false)}

### kind: latest
A feature view: the newest row of the entity as of the moment asked for.

${keyTable(latestViewSchema, false)}

### kind: window
A feature view: aggregates over the entity's events of some time before the moment asked for.

${keyTable(windowViewSchema, false)}

### kind: service
What one model is made of: rows to learn from, the moment of prediction, the label, and its inputs.

${keyTable(serviceSchema, false)}

\`label\` has either \`above\` or \`equals\`.

### Transformations
A numeric input is a transformation of inputs and features; the same code makes it in training and in serving. A missing argument makes a missing result.

| transformation | of | gives |
|---|---|---|
${Object.entries(TRANSFORMS)
  .map(([name, { arguments: names, description }]) => `| \`${name}\` | ${names.join(', ')} | ${description} |`)
  .join('\n')}
`
}

function keyTable(schema: TSchema, environment: boolean): string {
  const rows = describeKeys(schema)
    .filter(({ key }) => key !== 'kind')
    .map((key) => `| \`${key.key}\` | ${cell(key.type)} | ${defaultOf(key)} |${environment ? ` ${key.environment === undefined ? '' : `\`${key.environment}\``} |` : ''} ${cell(key.description)} |`)
  return `| key | type | default |${environment ? ' environment variable |' : ''} means |\n|---|---|---|${environment ? '---|' : ''}---|\n${rows.join('\n')}`
}

function defaultOf({ byDefault, required }: KeyDescription): string {
  if (required) return '**needed**'
  return byDefault === undefined || byDefault === '""' ? '' : `\`${byDefault.replace(/^"(.*)"$/, '$1')}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
