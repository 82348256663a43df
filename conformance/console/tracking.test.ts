import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openPage, screenshot, startBrowser } from './browser.ts'
import { DAY_MS, EPOCH } from './fill.ts'
import { type Team, fillTeam } from './team.ts'
import { type TrackingWorld, parquetFile, startTrackingWorld } from './tracking-world.ts'

const EVIL = `"><img src=x onerror="window.pwned='name'"><script>window.pwned='name'</script>`

let browser: Browser
let world: TrackingWorld
let team: Team
let first = ''

before(async () => {
  browser = await startBrowser()
  world = await startTrackingWorld()
  team = await fillTeam(world.filler)
  first = team.runIds[0] ?? ''
  await world.setTime(EPOCH + 80 * DAY_MS)
  await world.filler.artifact(team.experimentId, first, 'table.parquet', await parquetFile(1000))
})

after(async () => {
  await browser.close()
  await world.stop()
})

const runUrl = (runId: string, rest = '') => `${world.url}/experiments/${team.experimentId}/runs/${runId}${rest}`
const compareUrl = (rest = '') => `${world.url}/compare?runs=${team.runIds.slice(0, 5).join(',')}${rest}`
const pwned = (page: Page): Promise<unknown> => page.evaluate('window.pwned ?? null')

test('a run is shown whole: facts, notes, metrics, parameters, data sets, what it was registered as', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(runUrl(first))
  await page.getByRole('heading', { name: 'What was tried' }).waitFor()
  const text = (await page.locator('main').textContent()) ?? ''
  for (const part of ['learning_rate', 'flights-2013-q1', 'grace', 'a1b2c3d4e5', 'flight-delay v1']) assert.ok(text.includes(part), part)
  await page.getByRole('searchbox', { name: 'Find metrics' }).fill('valid')
  assert.equal(await page.locator('[aria-labelledby="run-metrics"] tr').count(), 2)
  assert.deepEqual(complaints, [])
  await context.close()
})

test('its curves are asked for as they come into view, thinned out by the server, and finer where one zooms in', async () => {
  const { page, context, complaints } = await openPage(browser)
  const asked: URL[] = []
  page.on('request', (request) => {
    if (request.url().includes('get-history')) asked.push(new URL(request.url()))
  })
  await page.goto(runUrl(first, '?tab=metrics'))
  await page.locator('.metric-chart canvas').nth(3).waitFor()
  assert.ok(asked.every(({ pathname, searchParams }) => pathname.endsWith('/get-history-bulk-interval') && searchParams.get('max_results') === '500'))
  await page.getByLabel('From step').fill('100')
  await page.getByLabel('To step').fill('150')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'All steps' }).waitFor()
  await page.locator('.metric-chart canvas').nth(3).waitFor()
  assert.ok(asked.some(({ searchParams }) => searchParams.get('start_step') === '100' && searchParams.get('end_step') === '150'))
  await page.getByRole('button', { name: 'All steps' }).click()
  await page.getByRole('checkbox', { name: 'Log scale' }).check()
  await page.getByRole('slider', { name: 'Smoothing' }).focus()
  for (let i = 0; i < 5; i++) await page.keyboard.press('PageUp')
  await page.getByRole('radio', { name: 'Elapsed' }).check()
  await page.getByRole('radio', { name: 'Step', exact: true }).check()
  const chart = page.getByRole('figure', { name: /^train\/loss/ })
  const box = await chart.locator('.u-over').boundingBox()
  assert.ok(box !== null)
  await page.mouse.move(box.x + 60, box.y + 80)
  await page.locator('.curve-tip').waitFor()
  assert.match((await page.locator('.curve-tip').textContent()) ?? '', /^step \d+/)
  await page.mouse.down()
  await page.mouse.move(box.x + 160, box.y + 80, { steps: 4 })
  await page.mouse.up()
  await page.getByRole('button', { name: 'All steps' }).waitFor()
  await screenshot(page, 'run-metrics')
  await page.getByRole('tab', { name: /System metrics/ }).click()
  await page.getByRole('figure', { name: /cpu_utilization/ }).locator('canvas').waitFor()
  assert.deepEqual(complaints, [])
  await context.close()
})

test('artifacts are previewed, each after its kind, and nothing in them runs', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(runUrl(first, '?tab=artifacts'))
  const preview = page.locator('.preview')
  const open = async (name: string): Promise<void> => {
    await page.getByRole('button', { name: new RegExp(`^${name.replace('.', '\\.')}`) }).click()
    await preview.locator('.preview-head b', { hasText: name }).waitFor()
  }
  const cases: readonly (readonly [string, string | RegExp])[] = [
    ['importances.csv', 'The first 300 of 400 rows'],
    ['table.parquet', 'The first 300 of 1,000 rows'],
    ['predictions.json', '2 rows'],
    ['summary.json', 'by_carrier'],
    ['page.html', '<h1>An HTML page</h1>'],
    ['report.md', 'The best run so far'],
    ['analysis.ipynb', 'Error analysis'],
    ['weights.bin', 'no preview of files of this kind'],
  ]
  for (const [name, text] of cases) {
    await open(name)
    await preview.getByText(text).first().waitFor()
    assert.equal(await pwned(page), null, name)
  }
  await open('report.md')
  await preview.locator('img').waitFor()
  assert.equal(await preview.locator('a[href^="javascript"]').count(), 0)
  await screenshot(page, 'artifact-markdown')
  await page.getByRole('button', { name: 'plots' }).click()
  await open('roc.svg')
  await preview.locator('img').waitFor()
  await page.reload()
  await preview.locator('img').waitFor()
  assert.equal(await pwned(page), null)
  assert.deepEqual(complaints, [])
  const served = await page.request.get(`${world.url}/api/tracking/get-artifact?run_id=${first}&path=page.html`)
  assert.match(served.headers()['content-disposition'] ?? '', /^attachment/)
  assert.match(served.headers()['content-security-policy'] ?? '', /sandbox/)
  await context.close()
})

test('runs are compared: curves, differences, parallel coordinates, scatter', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(compareUrl())
  await page.getByRole('figure', { name: /^train\/auc/ }).locator('canvas').waitFor()
  await screenshot(page, 'compare-curves')
  await page.getByRole('tab', { name: 'Curves' }).focus()
  await page.keyboard.press('ArrowRight')
  await page.getByRole('rowheader', { name: 'learning_rate' }).waitFor()
  assert.equal(await page.getByRole('rowheader', { name: 'seed' }).count(), 0)
  await page.getByRole('checkbox', { name: 'Only what differs' }).uncheck()
  await page.getByRole('rowheader', { name: 'seed' }).waitFor()
  await page.getByRole('tab', { name: 'Parallel coordinates' }).click()
  await page.locator('.strip').first().waitFor()
  const strip = await page.locator('.strip').nth(1).boundingBox()
  assert.ok(strip !== null)
  await page.mouse.move(strip.x + 15, strip.y + 2)
  await page.mouse.down()
  await page.mouse.move(strip.x + 15, strip.y + strip.height / 2, { steps: 4 })
  await page.mouse.up()
  await page.getByText(/^[1-4] of 5 runs pass/).waitFor()
  await page.getByLabel('Add an axis').selectOption('metrics.log_loss')
  await page.waitForURL(/axes=/)
  await screenshot(page, 'compare-parallel')
  await page.getByRole('tab', { name: 'Scatter' }).click()
  await page.getByLabel('Across').selectOption('params.max_depth')
  await page.waitForURL(/x=params.max_depth/)
  assert.equal(await page.locator('.plot-svg circle').count(), 5)
  await page.getByRole('button', { name: /^Leave .* out/ }).first().click()
  await page.getByRole('heading', { name: 'Compare 4 runs' }).waitFor()
  assert.deepEqual(complaints, [])
  await context.close()
})

test('a model shows its versions, who moved which alias when and why, and which version was champion at any moment', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(`${world.url}/models`)
  await page.getByRole('link', { name: 'flight-delay' }).click()
  await page.getByText('grace: rollback: v4 saw the wrong time zone').waitFor()
  assert.equal(await page.locator('.moves li').count(), 8)
  assert.equal(await page.locator('.version-list tbody tr').count(), 6)
  await page.locator('.plot-svg rect').first().waitFor()
  await page.getByLabel('Moment, UTC').fill('2026-10-05T00:00')
  await page.getByText(/^was v4 since 4 Oct 2026/).waitFor()
  assert.deepEqual(complaints, [])
  await context.close()
})

test('it is rolled back in the page, by somebody, for a reason, and an alias is set', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(`${world.url}/models/flight-delay`)
  await page.getByRole('button', { name: 'Roll back' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Who you are').fill('Ada Lovelace')
  await dialog.getByLabel('Why').fill('worse at night')
  await dialog.getByRole('button', { name: 'Roll back' }).click()
  await page.getByText('Ada Lovelace: worse at night').waitFor()
  await page.getByText('champion v2', { exact: true }).waitFor()
  await page.goto(`${world.url}/models/flight-delay/versions/6`)
  await page.getByRole('button', { name: 'Set an alias' }).click()
  await dialog.getByLabel('Alias').fill('night')
  await dialog.getByLabel('Why').fill('for the night flights')
  await dialog.getByRole('button', { name: 'Set the alias' }).click()
  await page.locator('.page-head .badge', { hasText: 'night' }).waitFor()
  assert.deepEqual(complaints, [])
  await context.close()
})

test('a version shows where it comes from, what differs, and that its files are unchanged', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(`${world.url}/models/flight-delay/versions/4`)
  await page.getByRole('heading', { name: 'Where it comes from, and where it went' }).waitFor()
  const lineage = (await page.locator('.lineage').textContent()) ?? ''
  for (const part of ['flights-2013-q1', 'gbt-depth', 'a1b2c3d4e5', 'monitor: drift']) assert.ok(lineage.includes(part), part)
  await page.getByRole('rowheader', { name: 'learning_rate' }).waitFor()
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.getByText('✓ unchanged since').waitFor()
  await screenshot(page, 'version')
  assert.deepEqual(complaints, [])
  await context.close()
})

test("MLflow's own links lead to the same things here", async () => {
  const { page, context } = await openPage(browser)
  for (const [hash, path, heading] of [
    [`#/experiments/${team.experimentId}/runs/${first}`, `/experiments/${team.experimentId}/runs/${first}`, /^gbt-/],
    [`#/experiments/${team.experimentId}`, `/experiments/${team.experimentId}`, 'flight-delay'],
    ['#/models/flight-delay/versions/4', '/models/flight-delay/versions/4', 'Version 4'],
    ['#/models/flight-delay', '/models/flight-delay', 'flight-delay'],
    ['#/models', '/models', 'Models'],
  ] as const) {
    await page.goto('about:blank')
    await page.goto(`${world.url}/${hash}`)
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
    assert.equal(new URL(page.url()).pathname, path)
    assert.equal(new URL(page.url()).hash, '')
  }
  await context.close()
})

test('names and values that would be pages or scripts are only shown', async () => {
  const { call, run } = world.filler
  const experimentId = await world.filler.experiment(`evil ${EVIL}`, { [`note`]: EVIL })
  const runIds: string[] = []
  for (const lr of ['1', '2']) runIds.push(await run(experimentId, { name: `${EVIL} ${lr}`, params: { evil: EVIL, lr }, tags: { evil: EVIL, 'mlflow.note.content': EVIL, 'mlflow.source.name': EVIL }, metrics: [{ key: 'auc', value: Number(lr), step: 0 }, { key: 'auc', value: 0.6, step: 1 }] }))
  await call('POST', 'mlflow/registered-models/create', { name: 'evil <b>model', description: EVIL })
  await world.filler.artifact(experimentId, runIds[0] ?? '', 'm/MLmodel', EVIL)
  await call('POST', 'mlflow/model-versions/create', { name: 'evil <b>model', source: `runs:/${runIds[0] ?? ''}/m`, run_id: runIds[0], description: EVIL, tags: [{ key: 'evil', value: EVIL }] })
  await call('POST', 'mlflow/registered-models/alias', { name: 'evil <b>model', alias: 'champion', version: '1' }, { 'x-millrace-actor': encodeURIComponent(EVIL), 'x-millrace-reason': encodeURIComponent(EVIL) })
  const { page, context, complaints } = await openPage(browser)
  const run0 = `/experiments/${experimentId}/runs/${runIds[0] ?? ''}`
  const model = `/models/${encodeURIComponent('evil <b>model')}`
  const compare = `/compare?runs=${runIds.join(',')}`
  for (const path of ['/experiments', `/experiments/${experimentId}?group=params.evil`, run0, `${run0}?tab=metrics`, `${run0}?tab=artifacts&path=m/MLmodel`, compare, `${compare}&tab=differences`, `${compare}&tab=parallel`, `${compare}&tab=scatter`, '/models', model, `${model}/versions/1`]) {
    await page.goto(`${world.url}${path}`)
    await page.getByText('window.pwned').or(page.getByText('evil')).first().waitFor()
    await page.waitForLoadState('networkidle')
    assert.equal(await pwned(page), null, path)
    assert.equal(await page.locator('img[src="x"], main b > b, main script').count(), 0, path)
  }
  assert.deepEqual(complaints, [])
  await context.close()
})

test('what is not there is said so', async () => {
  const { page, context } = await openPage(browser)
  for (const [path, text] of [
    ['/experiments/999', 'Experiment 999'],
    [`/experiments/${team.experimentId}/runs/${'0'.repeat(32)}`, 'This run cannot be had'],
    ['/models/nothing', 'This model cannot be had'],
    ['/models/flight-delay/versions/99', 'This version cannot be had'],
    ['/compare?runs=', 'No runs to compare'],
  ] as const) {
    await page.goto(`${world.url}${path}`)
    await page.getByText(text).first().waitFor()
  }
  await context.close()
})

test('every page fits, in light and dark, wide and narrow', async () => {
  const pages = { run: runUrl(first), metrics: runUrl(first, '?tab=metrics'), artifacts: runUrl(first, '?tab=artifacts&path=importances.csv'), compare: compareUrl(), parallel: compareUrl('&tab=parallel'), scatter: compareUrl('&tab=scatter'), model: `${world.url}/models/flight-delay`, version: `${world.url}/models/flight-delay/versions/5` }
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 480]) {
      const { page, context, complaints } = await openPage(browser, { colorScheme, viewport: { width, height: 950 } })
      for (const [name, url] of Object.entries(pages)) {
        await page.goto(url)
        await page.waitForLoadState('networkidle')
        const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
        assert.ok(Number(overflow) <= 0, `${name}, ${width} wide: the page is ${String(overflow)} pixels too wide`)
        await screenshot(page, `${name}-${colorScheme}-${width}`)
      }
      assert.deepEqual(complaints, [])
      await context.close()
    }
  }
})
