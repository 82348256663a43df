import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { COMMANDS } from './commands.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = globSync('{*.md,{docs,examples,conformance,bench,deploy,sdk,console}/**/*.md}', { cwd: root, exclude: (name) => name.includes('node_modules') }).sort()
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

/** The text without fenced blocks and code spans, in which brackets are no links. */
const prose = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, (code) => '`'.repeat(code.length))

/** As GitHub makes them. */
function anchors(text: string): ReadonlySet<string> {
  const headings = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').trim().replaceAll(' ', '-'),
  )
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)])
}

for (const page of pages) {
  test(`every relative link of ${page} leads somewhere`, () => {
    const text = textOf(page)
    const broken = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#')
        const file = path === '' ? join(root, page) : resolve(root, dirname(page), path)
        if (!existsSync(file) || relative(root, file).startsWith('..')) return true
        return anchor !== undefined && file.endsWith('.md') && !anchors(readFileSync(file, 'utf8')).has(anchor)
      })
    assert.deepEqual(broken, [])
  })
}

async function commandLine(): Promise<Command> {
  const program = new Command('millrace').option('-C, --project <folder>')
  for (const load of Object.values(COMMANDS)) (await load()).register(program)
  return program
}

/** What stands after `millrace` in code, up to a pipe, a comment or the next column of a table. */
function* commands(text: string): Generator<string> {
  const code = [...text.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm), ...text.matchAll(/^((?: {4}.*\n)+)/gm)].flatMap(([, block = '']) => block.split('\n'))
  const spans = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)
  for (const line of [...code, ...spans]) {
    for (const [, found = ''] of line.matchAll(/(?:^|&& |cmd: |\s{4}|\$ )millrace ([^|#;&]+)/g)) yield found.trim().split(/\s{2,}/)[0] ?? ''
    for (const [, found = ''] of line.matchAll(/npm start -- ([^|#;&]+)/g)) yield `demo ${found.trim()}`
  }
}

/** What the command line does not know of it; undefined where it knows all. */
function unknown(program: Command, line: string): string | undefined {
  let command = program
  for (const word of line.replaceAll(/[[\]()]/g, '').split(' ').map((one) => one.replace(/[,.]$/, ''))) {
    if (word.startsWith('-')) {
      const name = word.split('=')[0]
      const options = [...command.options, ...program.options]
      if (!['-h', '--help', '-V', '--version'].includes(name ?? '') && !options.some(({ short, long }) => short === name || long === name)) return name
    } else if (command.commands.length > 0) {
      const next = command.commands.find((one) => one.name() === word)
      if (next === undefined) return word === '…' || (command === program && word === 'help') ? undefined : word
      command = next
    }
  }
  return undefined
}

const program = await commandLine()
for (const page of pages) {
  test(`every command of ${page} exists, with its options`, () => {
    const wrong = [...commands(textOf(page))].flatMap((line) => {
      const what = unknown(program, line)
      return what === undefined ? [] : [`millrace ${line}: ${what}`]
    })
    assert.deepEqual(wrong, [])
  })
}

/** In the texts and comments of the source, where a template's own backticks are escaped. */
function* namedInSource(text: string): Generator<string> {
  for (const [, found = ''] of text.matchAll(/\\?`millrace ([^`\\\n]+)\\?`/g)) yield found.trim()
}

for (const place of ['src', 'sdk', 'console/src']) {
  test(`every command that ${place} names in a message or a comment exists, with its options`, () => {
    const files = globSync(`${place}/**/*.{ts,tsx}`, { cwd: root, exclude: (name) => name.includes('node_modules') }).filter((file) => !/\.test\.tsx?$/.test(file))
    assert.ok(files.length > 0)
    const wrong = files.flatMap((file) =>
      [...namedInSource(textOf(file))].flatMap((line) => {
        const what = unknown(program, line)
        return what === undefined ? [] : [`${file}: millrace ${line}: ${what}`]
      }),
    )
    assert.deepEqual(wrong, [])
  })
}

test('every script that a page names is there', () => {
  const { scripts }: { scripts: Readonly<Record<string, string>> } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const wrong = pages.flatMap((page) => {
    const text = textOf(page)
    return [
      ...[...text.matchAll(/npm run (?:--silent )?([a-z-]+)/g)].filter(([, name = '']) => !(name in scripts)),
      ...[...text.matchAll(/node (scripts\/[\w-]+\.mjs)/g)].filter(([, file = '']) => !existsSync(join(root, file))),
    ].map(([found]) => `${page}: ${found}`)
  })
  assert.deepEqual(wrong, [])
})

test('a link to nowhere and a command that does not exist would be found', () => {
  assert.deepEqual([...commands('`millrace events tial -n 5` and\n```sh\nmillrace repro --forse # all\n```\n')].map((line) => unknown(program, line)), ['--forse', 'tial'])
  assert.deepEqual([...namedInSource("'take it back (`millrace db undo`)' + `or \\`millrace up --fast\\``")].map((line) => unknown(program, line)), ['undo', '--fast'])
  assert.equal(anchors('## What it *cannot* do yet, `now`\n').has('what-it-cannot-do-yet-now'), true)
})
