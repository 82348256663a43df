import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type Watched, openPage, screenshot, startBrowser } from './browser.ts'
import { fillMany } from './fill-many.ts'
import { type TrackingWorld, startTrackingWorld } from './tracking-world.ts'

const RUNS = 100_000
const COLUMNS = 500
const WIDE = 200
/** Whatever is scrolled to, so many elements make the table. */
const MOST_ELEMENTS = 1600

let browser: Browser
let world: TrackingWorld
let experimentId = ''

before(async () => {
  browser = await startBrowser()
  world = await startTrackingWorld()
  experimentId = await world.filler.experiment('sweep', { team: 'delays' })
  fillMany(world.database, experimentId, { runs: RUNS, wide: WIDE, columns: COLUMNS })
})

after(async () => {
  await browser.close()
  await world.stop()
})

async function openTable(search = '', options: Parameters<typeof openPage>[1] = {}): Promise<Watched> {
  const watched = await openPage(browser, options)
  await watched.page.goto(`${world.url}/experiments/${experimentId}${search}`)
  await watched.page.locator('.run-name').first().waitFor()
  return watched
}

const settled = async (page: Page): Promise<void> => {
  await page.locator('.run-name').first().waitFor()
  await page.locator('.waiting').first().waitFor({ state: 'detached' })
}
const names = (page: Page): Promise<string[]> => page.locator('.run-name').allTextContents()
const elements = async (page: Page): Promise<number> => Number(await page.evaluate('document.querySelectorAll(".grid *").length'))
const activeText = async (page: Page): Promise<string> => String(await page.evaluate('document.getElementById(document.querySelector(".grid").getAttribute("aria-activedescendant"))?.textContent'))

test('experiments are found by name and lead to their runs', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(`${world.url}/experiments`)
  await page.getByText('team: delays').waitFor()
  await page.getByRole('searchbox', { name: 'Find by name' }).fill('SWE')
  await page.keyboard.press('Enter')
  await page.waitForURL(/name=SWE/)
  await page.getByRole('link', { name: 'Default' }).waitFor({ state: 'detached' })
  assert.equal(await page.locator('tbody tr').count(), 1)
  await page.getByRole('link', { name: 'sweep' }).click()
  await page.getByText('100,000 runs').waitFor()
  assert.match(page.url(), new RegExp(`/experiments/${experimentId}$`))
  assert.deepEqual(complaints, [])
  await context.close()
})

test('of 100,000 runs and 500 columns only what is in view exists', async () => {
  const { page, context, complaints } = await openTable()
  await page.getByText('100,000 runs · 50').waitFor()
  assert.equal((await names(page))[0], 'sweep-099999')
  assert.equal(await page.locator('.grid').getAttribute('aria-rowcount'), '100001')
  assert.ok((await elements(page)) < MOST_ELEMENTS)
  for (const [y, x] of [[3000, 0], [6000, 4000], [6000, 30_000], [2000, 90_000]]) {
    await page.locator('.grid').evaluate((grid, [top, left]) => Object.assign(grid, { scrollTop: top, scrollLeft: left }), [y, x])
    await settled(page)
    assert.ok((await elements(page)) < MOST_ELEMENTS)
  }
  await page.getByRole('columnheader', { name: 'layer.249.units' }).waitFor()
  assert.match((await names(page)).at(-1) ?? '', /^sweep-099[89]\d\d$/)
  await screenshot(page, 'runs-scrolled')
  assert.deepEqual(complaints, [])
  await context.close()
})

test('scrolling on brings page after page, and what was let go comes again', async () => {
  const { page, context, complaints } = await openTable()
  for (let i = 0; i < 12; i++) {
    await page.locator('.grid').evaluate((grid) => Object.assign(grid, { scrollTop: grid.scrollHeight }))
    await settled(page)
  }
  const last = (await names(page)).at(-1) ?? ''
  assert.ok(Number(last.slice(6)) < RUNS - 2000, last)
  await page.locator('.grid').evaluate((grid) => Object.assign(grid, { scrollTop: 0 }))
  await page.getByText('sweep-099999').waitFor()
  assert.deepEqual(complaints, [])
  await context.close()
})

test('the table is used by keyboard: cells are walked, runs selected and opened', async () => {
  const { page, context, complaints } = await openTable()
  await page.locator('.grid').focus()
  assert.equal(await activeText(page), 'sweep-099999')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Space')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Shift+Space')
  assert.equal(await page.locator('.row-selected').count(), 2)
  await page.keyboard.press('End')
  await page.getByRole('columnheader', { name: 'layer.249.units' }).waitFor()
  assert.match(await activeText(page), /^(?:adam|adamw|lion|sgd)$/)
  await page.keyboard.press('Home')
  await page.keyboard.press('PageDown')
  assert.equal(await activeText(page), 'sweep-099982')
  await page.keyboard.press('Control+Home')
  await page.keyboard.press('ArrowUp')
  for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight')
  assert.match(await activeText(page), /auc/)
  await page.keyboard.press('Enter')
  await page.waitForURL(/order=metrics.auc(?:\+|%20)DESC/)
  await page.locator('[aria-sort="descending"]').waitFor()
  await page.locator('.run-name').first().waitFor()
  await page.locator('.grid').focus()
  await page.keyboard.press('Control+Home')
  const first = await activeText(page)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: first }).waitFor()
  assert.deepEqual(complaints, [])
  await context.close()
})

test('a click on a head sorts on the server, over all runs', async () => {
  const { page, context, complaints } = await openTable()
  await page.getByRole('columnheader', { name: 'log_loss' }).click()
  await page.waitForURL(/order=/)
  await page.getByRole('columnheader', { name: 'log_loss' }).click()
  await page.locator('[aria-sort="ascending"]').waitFor()
  await settled(page)
  const found = await world.filler.call<{ runs: { info: { run_name: string } }[] }>('POST', 'mlflow/runs/search', { experiment_ids: [experimentId], order_by: ['metrics.log_loss ASC'], max_results: 3 })
  await page.getByText(found.runs[0]?.info.run_name ?? '').waitFor()
  assert.deepEqual((await names(page)).slice(0, 3), found.runs.map(({ info }) => info.run_name))
  assert.deepEqual(complaints, [])
  await context.close()
})

test('the filter says what may come next, and the server what is wrong with it, at the character', async () => {
  const { page, context, complaints } = await openTable()
  const filter = page.getByRole('combobox', { name: 'Filter runs' })
  await filter.click()
  await page.keyboard.type('params.opt')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  assert.equal(await filter.inputValue(), 'params.optimizer ')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Tab')
  await page.keyboard.type("'li")
  await page.getByRole('option', { name: "'lion'" }).click()
  assert.equal(await filter.inputValue(), "params.optimizer = 'lion' ")
  await page.keyboard.type('AND metrics.auc > 0.79')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Enter')
  await page.getByText(/^1,\d\d\d runs/).waitFor()
  assert.deepEqual(complaints, [])
  await filter.fill("metrics.auc > 'high'")
  await page.keyboard.press('Escape')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').getByText('expected a number without quotes').waitFor()
  assert.equal(await page.locator('.filter-error mark').textContent(), "'")
  await screenshot(page, 'filter-error')
  await page.getByRole('button', { name: 'Clear the filter' }).click()
  await page.getByText('100,000 runs').waitFor()
  await context.close()
})

test('runs are grouped, columns chosen, and all of it is in the address', async () => {
  const { page, context, complaints } = await openTable('?order=metrics.auc+DESC')
  await page.getByLabel('Group').selectOption({ label: 'optimizer' })
  await page.getByText('optimizer: adam · 25,000 runs').waitFor()
  await page.getByText('optimizer: sgd · 25,000 runs').click()
  await page.locator('.run-name').first().waitFor()
  await page.getByRole('button', { name: 'Columns', exact: true }).click()
  await page.getByRole('button', { name: 'Hide all' }).click()
  await page.getByRole('searchbox', { name: 'Find columns' }).fill('log_loss')
  await page.getByRole('checkbox', { name: 'log_loss' }).check()
  await page.keyboard.press('Escape')
  await page.getByText('100,000 runs · 2 columns').waitFor()
  await page.getByText('Views', { exact: true }).click()
  await page.getByRole('textbox', { name: 'Name of the view' }).fill('by loss')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'by loss' }).waitFor()
  const address = page.url()
  await screenshot(page, 'runs-grouped')
  await page.goto(`${world.url}/experiments/${experimentId}`)
  await page.getByText('Views (1)').click()
  await page.getByRole('link', { name: 'by loss' }).click()
  await page.getByText('optimizer: adamw · 25,000 runs').waitFor()
  assert.equal(page.url(), address)
  await page.getByText('100,000 runs · 2 columns').waitFor()
  assert.deepEqual(complaints, [])
  await context.close()
})

test('in light and dark, wide and narrow', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 900, 480]) {
      const { page, context, complaints } = await openTable('?order=metrics.auc+DESC', { colorScheme, viewport: { width, height: 900 } })
      const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
      assert.ok(Number(overflow) <= 0, `${width} wide: the page is ${String(overflow)} pixels too wide`)
      await screenshot(page, `runs-${colorScheme}-${width}`)
      assert.deepEqual(complaints, [])
      await context.close()
    }
  }
})
